//! Numbers and names as text.

/// A key such as `learning_rate` as words: `Learning rate`.
pub(super) fn capital(key: &str) -> String {
    let words = key.replace('_', " ");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// A whole number with separated thousands.
pub(super) fn count(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 {
        format!("−{text}")
    } else {
        text
    }
}

/// A metric's value, with three decimals.
pub(super) fn metric(value: f64) -> String {
    if value.abs() >= 1e6 {
        return format!("{value:.2e}");
    }
    format!("{value:.3}").replace('-', "−")
}

/// A number with about four digits.
pub(super) fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => count(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 0.01 || size == 0.0 => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}

/// A time, such as `3 min 5 s`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A metric by the name that people know it by.
pub(super) fn metric_title(name: &str) -> &str {
    match name {
        "rmse" => "RMSE",
        "mae" => "MAE",
        "r2" => "R²",
        "roc_auc" => "ROC-AUC",
        "pr_auc" => "PR-AUC",
        other => other,
    }
}
