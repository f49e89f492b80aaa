//! Charts as SVG, by plotters. Colours are fixed names for parts; the page's
//! style sheet maps them to the reader's light or dark scheme.

use std::ops::Range;

use maud::{Markup, PreEscaped, html};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(0x24, 0x29, 0x2F);
/// Lines behind the data.
pub(super) const GRID: RGBColor = RGBColor(0xE4, 0xE7, 0xEB);
/// What the data are compared with: the identity, chance.
pub(super) const GUIDE: RGBColor = RGBColor(0x9A, 0xA1, 0xAA);
/// Series, safe for colour-blind readers (after Okabe and Ito).
pub(super) const SERIES: [RGBColor; 5] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0x8A, 0x6D, 0x00),
];

/// plotters draws on whole pixels; a finer grid keeps curves smooth.
const SCALE: i32 = 4;
const WIDTH: i32 = 540;
const HEIGHT: i32 = 340;
/// Side of a chart whose axes mean the same.
const SIDE: i32 = 440;

/// A figure cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("figure \"{figure}\": {why}")]
pub(crate) struct ChartError {
    figure: String,
    why: String,
}

/// A chart with its words.
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) svg: Markup,
    /// `(class of the colour, name)`.
    pub(super) legend: Vec<(usize, String)>,
    pub(super) caption: String,
}

/// An axis with its own ticks.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    ticks: Vec<f64>,
}

impl Axis {
    /// A linear axis over the finite ones of `values`, with some margin.
    pub(super) fn over(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (low, high) = bounds(values);
        let margin = if high > low {
            (high - low) * 0.04
        } else if low == 0.0 {
            1.0
        } else {
            low.abs() * 0.1
        };
        Self::linear(low - margin, high + margin)
    }

    /// A linear axis over exactly `low..high`.
    pub(super) fn linear(low: f64, high: f64) -> Self {
        let step = nice((high - low) / 6.0);
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        Self {
            low,
            high,
            logarithmic: false,
            ticks: (first..=last.min(first.saturating_add(20)))
                .map(|at| at as f64 * step)
                .collect(),
        }
    }

    /// An axis with a place for each of `1..=count`.
    pub(super) fn counting(count: usize) -> Self {
        Self {
            low: 0.5,
            high: count as f64 + 0.5,
            logarithmic: false,
            ticks: (1..=count).map(|at| at as f64).collect(),
        }
    }

    /// A logarithmic axis where all `values` are positive and span more than a
    /// factor of 20, else a linear one.
    pub(super) fn suited(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (low, high) = bounds(values.clone());
        if low <= 0.0 || high / low < 20.0 {
            return Self::over(values);
        }
        let (low, high) = (low / 1.15, high * 1.15);
        let decades = high.log10().ceil() as i32 - low.log10().floor() as i32;
        let stride = (decades / 6 + 1) as usize;
        let within: &[f64] = match decades {
            ..=2 => &[1.0, 2.0, 5.0],
            3 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let ticks = (low.log10().floor() as i32..=high.log10().ceil() as i32)
            .step_by(stride)
            .flat_map(|decade| within.iter().map(move |m| m * 10_f64.powi(decade)))
            .filter(|tick| (low..=high).contains(tick))
            .collect();
        Self {
            low,
            high,
            logarithmic: true,
            ticks,
        }
    }

    /// Its lowest and highest value.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    pub(super) fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let finite = values.filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high { (0.0, 1.0) } else { (low, high) }
}

/// The nearest of 1, 2, 5 times a power of ten.
fn nice(step: f64) -> f64 {
    // Also where a range is empty, or so wide that it overflows.
    if !(step.is_finite() && step > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powf(step.log10().floor());
    let times = match step / power {
        ..1.5 => 1.0,
        1.5..3.5 => 2.0,
        3.5..7.5 => 5.0,
        _ => 10.0,
    };
    times * power
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        // What is beyond the axis lies on its edge.
        let share = share.clamp(0.0, 1.0);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        label(*value)
    }
}

/// A tick's label: short, and without the noise of binary fractions.
fn label(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e6).contains(&size) {
        let text = format!("{value:.1e}");
        return text.replace(".0e", "e").replace('-', "−");
    }
    if size >= 1e4 {
        let thousands = format!("{:.1}", value / 1e3);
        let thousands = thousands.strip_suffix(".0").unwrap_or(&thousands);
        return format!("{thousands}k").replace('-', "−");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0')
        .trim_end_matches('.')
        .replace('-', "−")
}

/// Something drawn in a chart.
pub(super) enum Mark {
    /// A line; NaN interrupts it.
    Line {
        points: Vec<(f64, f64)>,
        colour: RGBColor,
        /// In pixels.
        width: f64,
        opacity: f64,
    },
    /// An area between two curves: `(x, low, high)`.
    Band {
        range: Vec<(f64, f64, f64)>,
        colour: RGBColor,
    },
    /// Dots.
    Dots {
        points: Vec<(f64, f64)>,
        colour: RGBColor,
        /// In pixels.
        radius: f64,
        opacity: f64,
    },
    /// Bars from 0: `(left, right, height)`.
    Bars {
        bars: Vec<(f64, f64, f64)>,
        colour: RGBColor,
        opacity: f64,
    },
    /// Intervals: `(x, low, high)`.
    Intervals {
        intervals: Vec<(f64, f64, f64)>,
        colour: RGBColor,
    },
}

/// A chart.
pub(super) struct Chart {
    /// What it shows, for those who cannot see it.
    pub(super) label: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) x_title: String,
    pub(super) y_title: String,
    /// Drawn in this order.
    pub(super) marks: Vec<Mark>,
    /// Whether both axes mean the same.
    pub(super) square: bool,
}

impl Chart {
    /// The chart as an `svg` element.
    pub(super) fn svg(self) -> Result<Markup, ChartError> {
        let (width, height) = if self.square {
            (SIDE, SIDE)
        } else {
            (WIDTH, HEIGHT)
        };
        let size = ((width * SCALE) as u32, (height * SCALE) as u32);
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            self.draw(&root)
                .and_then(|()| root.present())
                .map_err(|error| ChartError {
                    figure: self.label.clone(),
                    why: error.to_string(),
                })?;
        }
        // The element's size is the page's business; what is in it stays, with
        // its text as plotters escapes it.
        let body = svg.find('>').map_or("", |end| &svg[end + 1..]).trim();
        let body = body.strip_suffix("</svg>").unwrap_or(body);
        Ok(html! {
            svg class="chart" role="img" aria-label=(self.label)
                viewBox={ "0 0 " (size.0) " " (size.1) } xmlns="http://www.w3.org/2000/svg" {
                (PreEscaped(body))
            }
        })
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, plotters::coord::Shift>,
    ) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        let text = |size: i32| ("sans-serif", size * SCALE).into_font().color(&INK);
        let mut chart = ChartBuilder::on(root)
            .margin_top(8 * SCALE)
            .margin_right(16 * SCALE)
            .margin_bottom(4 * SCALE)
            .margin_left(4 * SCALE)
            .x_label_area_size(46 * SCALE)
            .y_label_area_size(if self.y_title.is_empty() { 44 } else { 62 } * SCALE)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.stroke_width(SCALE as u32))
            .axis_style(GUIDE.stroke_width(SCALE as u32))
            .set_all_tick_mark_size(4 * SCALE)
            .x_desc(self.x_title.as_str())
            .y_desc(self.y_title.as_str())
            .label_style(text(16))
            .axis_desc_style(text(17))
            .draw()?;
        for mark in &self.marks {
            draw_mark(&mut chart, mark)?;
        }
        Ok(())
    }
}

fn draw_mark<DB: DrawingBackend>(
    chart: &mut ChartContext<'_, DB, Cartesian2d<Axis, Axis>>,
    mark: &Mark,
) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
    let stroke = |width: f64| (width * f64::from(SCALE)).round().max(1.0) as u32;
    match mark {
        Mark::Line {
            points,
            colour,
            width,
            opacity,
        } => {
            let style = colour.mix(*opacity).stroke_width(stroke(*width));
            let finite = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
            let lines = points
                .split(|point| !finite(point))
                .filter(|line| line.len() > 1)
                .map(|line| PathElement::new(line.to_vec(), style));
            chart.draw_series(lines)?;
            // A point between two gaps would be invisible as a line.
            let alone = points
                .split(|point| !finite(point))
                .filter(|line| line.len() == 1)
                .map(|line| Circle::new(line[0], stroke(*width), colour.mix(*opacity).filled()));
            chart.draw_series(alone)?;
        }
        Mark::Band { range, colour } => {
            let outline: Vec<(f64, f64)> = range
                .iter()
                .map(|(x, _, high)| (*x, *high))
                .chain(range.iter().rev().map(|(x, low, _)| (*x, *low)))
                .collect();
            if outline.len() > 2 {
                chart.draw_series([Polygon::new(outline, colour.mix(0.16))])?;
            }
        }
        Mark::Dots {
            points,
            colour,
            radius,
            opacity,
        } => {
            let style = colour.mix(*opacity).filled();
            chart.draw_series(
                points
                    .iter()
                    .map(|point| Circle::new(*point, stroke(*radius), style)),
            )?;
        }
        Mark::Bars {
            bars,
            colour,
            opacity,
        } => {
            let style = colour.mix(*opacity).filled();
            chart.draw_series(bars.iter().filter(|bar| bar.2 != 0.0).map(
                |(left, right, height)| Rectangle::new([(*left, 0.0), (*right, *height)], style),
            ))?;
        }
        Mark::Intervals { intervals, colour } => {
            let style = colour.stroke_width(stroke(1.5));
            chart.draw_series(
                intervals
                    .iter()
                    .map(|(x, low, high)| PathElement::new(vec![(*x, *low), (*x, *high)], style)),
            )?;
        }
    }
    Ok(())
}
