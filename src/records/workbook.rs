//! The parts of an Excel workbook (`.xlsx`): its sheets, and the text of their
//! cells as Excel would write it into a CSV file, dates as ISO 8601.

use std::io::{BufRead, BufReader, Read, Seek};

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{XmlVersion, reader};
use zip::ZipArchive;

/// An open workbook.
pub(super) struct Workbook<S> {
    archive: ZipArchive<S>,
    /// The sheets, in order: their names and parts.
    sheets: Vec<(String, String)>,
    /// The texts that cells share.
    texts: Vec<String>,
    /// For each style of a cell, what it shows a number as.
    dates: Vec<Shown>,
    /// Whether days count from 1904.
    from_1904: bool,
    /// Of the cells given last, those with a formula and no value.
    formulas: u64,
    /// Of the cells given last, those with a whole number of [`LARGE`] or more.
    large: u64,
}

/// 2^53, from which on a double, in which spreadsheet programs keep numbers, cannot tell
/// each whole number from the next.
const LARGE: f64 = 9_007_199_254_740_992.0;

/// What a format shows a number as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shown {
    #[default]
    Number,
    /// A date, a time or both.
    Moment,
    /// Hours that go on after 24, or minutes or seconds after 60.
    Elapsed,
}

/// What a part is made of.
enum Node<'a> {
    Begin(&'a str, &'a BytesStart<'a>),
    Text(&'a str),
    End(&'a str),
}

impl<S: Read + Seek> Workbook<S> {
    pub(super) fn open(source: S) -> Result<Self, String> {
        let archive = ZipArchive::new(source).map_err(|error| error.to_string())?;
        let mut book = Self {
            archive,
            sheets: Vec::new(),
            texts: Vec::new(),
            dates: Vec::new(),
            from_1904: false,
            formulas: 0,
            large: 0,
        };
        book.read_sheets()?;
        book.read_texts()?;
        book.read_styles()?;
        Ok(book)
    }

    /// The names of its sheets.
    pub(super) fn sheets(&self) -> Vec<String> {
        self.sheets.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Walks through a part; false where there is none of this name.
    fn walk(
        &mut self,
        part: &str,
        visit: impl FnMut(Node<'_>) -> Result<bool, String>,
    ) -> Result<bool, String> {
        let Some(index) = self.archive.index_for_name(part) else {
            return Ok(false);
        };
        let file = self.archive.by_index(index);
        let file = file.map_err(|error| error.to_string())?;
        walk(BufReader::new(file), visit).map_err(|error| format!("{part}: {error}"))?;
        Ok(true)
    }

    fn read_sheets(&mut self) -> Result<(), String> {
        let mut sheets = Vec::new();
        let mut from_1904 = false;
        self.walk("xl/workbook.xml", |node| {
            match node {
                Node::Begin("sheet", start) => {
                    if let (Some(name), Some(id)) =
                        (attribute(start, "name"), attribute(start, "id"))
                    {
                        sheets.push((name, id));
                    }
                }
                Node::Begin("workbookPr", start) => {
                    let set = attribute(start, "date1904");
                    from_1904 = matches!(set.as_deref(), Some("1" | "true"));
                }
                _ => {}
            }
            Ok(true)
        })?;
        let mut targets = Vec::new();
        self.walk("xl/_rels/workbook.xml.rels", |node| {
            if let Node::Begin("Relationship", start) = node
                && let (Some(id), Some(target)) =
                    (attribute(start, "Id"), attribute(start, "Target"))
            {
                targets.push((id, target));
            }
            Ok(true)
        })?;
        let part = |id: &str| {
            let (_, target) = targets.iter().find(|(known, _)| known == id)?;
            Some(match target.strip_prefix('/') {
                Some(absolute) => absolute.to_owned(),
                None => format!("xl/{target}"),
            })
        };
        self.sheets = sheets
            .into_iter()
            .filter_map(|(name, id)| Some((name, part(&id)?)))
            .collect();
        self.from_1904 = from_1904;
        if self.sheets.is_empty() {
            return Err("it has no sheets".to_owned());
        }
        Ok(())
    }

    fn read_texts(&mut self) -> Result<(), String> {
        let mut texts = Vec::new();
        let mut text = RichText::default();
        self.walk("xl/sharedStrings.xml", |node| {
            match node {
                Node::Begin("si", _) => text = RichText::default(),
                Node::End("si") => texts.push(unescaped(std::mem::take(&mut text.whole))),
                node => text.visit(&node),
            }
            Ok(true)
        })?;
        self.texts = texts;
        Ok(())
    }

    fn read_styles(&mut self) -> Result<(), String> {
        let mut formats: Vec<(u32, Shown)> = Vec::new();
        let mut dates = Vec::new();
        let mut in_cells = false;
        self.walk("xl/styles.xml", |node| {
            let number = |start: &BytesStart<'_>| attribute(start, "numFmtId")?.parse().ok();
            match node {
                Node::Begin("numFmt", start) => {
                    if let (Some(id), Some(code)) = (number(start), attribute(start, "formatCode"))
                    {
                        formats.push((id, shown_as(&code)));
                    }
                }
                Node::Begin("cellXfs", _) => in_cells = true,
                Node::End("cellXfs") => in_cells = false,
                Node::Begin("xf", start) if in_cells => {
                    let id = number(start).unwrap_or(0);
                    let known = formats.iter().find(|(known, _)| *known == id);
                    // Those that Excel knows by number alone.
                    let built_in = match id {
                        46 => Shown::Elapsed,
                        14..=22 | 27..=36 | 45 | 47 | 50..=58 => Shown::Moment,
                        _ => Shown::Number,
                    };
                    dates.push(known.map_or(built_in, |(_, shown)| *shown));
                }
                _ => {}
            }
            Ok(true)
        })?;
        self.dates = dates;
        Ok(())
    }

    /// Gives every cell of a sheet that holds something: row and column, counted
    /// from 0, and text. `visit` says whether to go on.
    pub(super) fn cells(
        &mut self,
        sheet: &str,
        mut visit: impl FnMut(u32, u32, &str) -> Result<bool, String>,
    ) -> Result<(), String> {
        let found = self.sheets.iter().find(|(name, _)| name == sheet);
        let Some((_, part)) = found.cloned() else {
            return Ok(());
        };
        let texts = std::mem::take(&mut self.texts);
        let dates = std::mem::take(&mut self.dates);
        let from_1904 = self.from_1904;
        let mut place = Place::default();
        let (mut kind, mut style) = (String::new(), 0_usize);
        let (mut value, mut in_value) = (String::new(), false);
        let mut text = RichText::default();
        let mut has_formula = false;
        let (mut unknown, mut large) = (0, 0);
        let walked = self.walk(&part, |node| {
            match node {
                Node::Begin("row", start) => place.begin_row(start),
                Node::End("row") => place.end_row(),
                Node::Begin("c", start) => {
                    place.begin_cell(start);
                    kind = attribute(start, "t").unwrap_or_default();
                    style = attribute(start, "s")
                        .and_then(|style| style.parse().ok())
                        .unwrap_or(0);
                    value.clear();
                    text = RichText::default();
                    has_formula = false;
                }
                Node::Begin("f", _) => has_formula = true,
                Node::Begin("v", _) => in_value = true,
                Node::End("v") => in_value = false,
                Node::Text(part) if in_value => value.push_str(part),
                Node::End("c") => {
                    let shown = match kind.as_str() {
                        "s" => shared(&texts, &value)?.to_owned(),
                        "inlineStr" => unescaped(std::mem::take(&mut text.whole)),
                        "b" => if value == "1" { "TRUE" } else { "FALSE" }.to_owned(),
                        "str" => unescaped(std::mem::take(&mut value)),
                        "e" | "d" => std::mem::take(&mut value),
                        _ if value.is_empty() => String::new(),
                        _ => {
                            let shown = dates.get(style).copied().unwrap_or_default();
                            large += u64::from(is_large(&value));
                            number(&value, shown, from_1904)
                        }
                    };
                    let (row, column) = place.cell;
                    place.end_cell();
                    // Its text is stored, even where it is empty.
                    let is_unknown = has_formula && shown.is_empty() && kind != "str";
                    unknown += u64::from(is_unknown);
                    return if shown.is_empty() && !is_unknown {
                        Ok(true)
                    } else {
                        visit(row, column, &shown)
                    };
                }
                Node::End("sheetData") => return Ok(false),
                node => text.visit(&node),
            }
            Ok(true)
        });
        (self.texts, self.dates) = (texts, dates);
        (self.formulas, self.large) = (unknown, large);
        walked.map(|_| ())
    }

    /// How many of the cells given last have a formula and no value.
    pub(super) fn formulas(&self) -> u64 {
        self.formulas
    }

    /// How many of the cells given last have a whole number of [`LARGE`] or more.
    pub(super) fn large_numbers(&self) -> u64 {
        self.large
    }
}

/// Text as Excel shows it: `_x000D_` is a character by its number, which XML could not
/// hold or would change, and `_x005F_` an underscore that begins no such escape.
fn unescaped(text: String) -> String {
    if !text.contains("_x") {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("_x") {
        let (before, escape) = rest.split_at(at);
        plain.push_str(before);
        let digits = escape.get(2..6).filter(|digits| {
            let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            are_digits && escape[6..].starts_with('_')
        });
        // Half of a pair of surrogates stays as it is written.
        let character = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match character.and_then(char::from_u32) {
            Some(character) => {
                plain.push(character);
                rest = &escape["_x000D_".len()..];
            }
            None => {
                plain.push_str("_x");
                rest = &escape[2..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// Reads XML and gives its nodes until `visit` has enough.
fn walk(
    source: impl BufRead,
    mut visit: impl FnMut(Node<'_>) -> Result<bool, String>,
) -> Result<(), String> {
    let mut reader = reader::Reader::from_reader(source);
    reader.config_mut().expand_empty_elements = true;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer);
        let go_on = match event.map_err(|error| error.to_string())? {
            Event::Start(start) => visit(Node::Begin(start.local_name().as_ref(), &start))?,
            Event::End(end) => visit(Node::End(end.local_name().as_ref()))?,
            Event::Text(text) => visit(Node::Text(&text.xml10_content()))?,
            Event::CData(text) => visit(Node::Text(&text.xml10_content()))?,
            Event::GeneralRef(name) => {
                let letter = name.resolve_char_ref().map_err(|error| error.to_string())?;
                match (letter, resolve_predefined_entity(&name)) {
                    (Some(letter), _) => visit(Node::Text(letter.encode_utf8(&mut [0; 4])))?,
                    (None, Some(text)) => visit(Node::Text(text))?,
                    (None, None) => return Err(format!("unknown entity `{}`", &*name)),
                }
            }
            Event::Eof => return Ok(()),
            _ => true,
        };
        if !go_on {
            return Ok(());
        }
    }
}

/// An attribute, whatever its prefix.
fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = start.attributes();
    let mut attributes = attributes.with_checks(false).flatten();
    let found = attributes.find(|attribute| attribute.key.local_name().as_ref() == name)?;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.into_owned())
}

/// The text of a string that may be in several pieces, without hints how it is
/// spoken.
#[derive(Default)]
struct RichText {
    whole: String,
    in_text: bool,
    spoken: bool,
}

impl RichText {
    fn visit(&mut self, node: &Node<'_>) {
        match node {
            Node::Begin("t", _) => self.in_text = true,
            Node::End("t") => self.in_text = false,
            Node::Begin("rPh", _) => self.spoken = true,
            Node::End("rPh") => self.spoken = false,
            Node::Text(text) if self.in_text && !self.spoken => self.whole.push_str(text),
            _ => {}
        }
    }
}

/// Which cell comes next; rows and cells may or may not say where they stand.
#[derive(Default)]
struct Place {
    row: u32,
    column: u32,
    cell: (u32, u32),
}

impl Place {
    fn begin_row(&mut self, start: &BytesStart<'_>) {
        let number: Option<u32> = attribute(start, "r").and_then(|row| row.parse().ok());
        self.row = number.map_or(self.row, |number| number.saturating_sub(1));
        self.column = 0;
    }

    fn end_row(&mut self) {
        self.row = self.row.saturating_add(1);
    }

    fn begin_cell(&mut self, start: &BytesStart<'_>) {
        let stated = attribute(start, "r").and_then(|place| position(&place));
        self.cell = stated.unwrap_or((self.row, self.column));
    }

    fn end_cell(&mut self) {
        self.column = self.cell.1.saturating_add(1);
    }
}

/// Row and column of a cell such as `AB12`, counted from 0.
fn position(place: &str) -> Option<(u32, u32)> {
    let letters = place.bytes().take_while(u8::is_ascii_uppercase).count();
    let column = place[..letters].bytes().try_fold(0_u32, |column, letter| {
        column
            .checked_mul(26)?
            .checked_add(u32::from(letter - b'A') + 1)
    })?;
    let row: u32 = place[letters..].parse().ok()?;
    // As wide as Excel's own.
    let within = (1..=16_384).contains(&column);
    within.then_some((row.checked_sub(1)?, column - 1))
}

fn shared<'a>(texts: &'a [String], index: &str) -> Result<&'a str, String> {
    let text = index.parse::<usize>().ok().and_then(|at| texts.get(at));
    text.map(String::as_str)
        .ok_or_else(|| format!("there is no shared string {index}"))
}

/// Whether a number is whole and so large that its last digits may not be those that were
/// meant.
fn is_large(value: &str) -> bool {
    let number = value.parse::<f64>();
    number.is_ok_and(|number| number.is_finite() && number.abs() >= LARGE)
}

/// A number as it is written into CSV: the shortest of its value, or a date. Where a double
/// does not hold all of its digits they stay as they are written.
fn number(value: &str, shown: Shown, from_1904: bool) -> String {
    let as_written = || value.to_owned();
    match value.parse::<f64>() {
        Ok(number) if shown == Shown::Moment => date(number, from_1904).unwrap_or_else(as_written),
        Ok(number) if shown == Shown::Elapsed => elapsed(number).unwrap_or_else(as_written),
        Ok(number) if number.is_finite() => {
            digits_beyond(value, number).unwrap_or_else(|| number.to_string())
        }
        _ => as_written(),
    }
}

/// Digits after which a double is told from every other: whoever writes more of them has
/// something else in mind.
const MOST_DIGITS: usize = 17;

/// Beyond this, no double has an exponent.
const MOST_EXPONENT: i32 = 400;

/// A number of a cell without its exponent, digit for digit, where it is large or long enough
/// for the nearest double, `number`, to be another; `None` where the double is all of it.
fn digits_beyond(value: &str, number: f64) -> Option<String> {
    let (sign, unsigned) = match value.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", value.strip_prefix('+').unwrap_or(value)),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    if !(-MOST_EXPONENT..=MOST_EXPONENT).contains(&exponent) {
        // As many zeros fill the memory.
        return Some(value.to_owned());
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.bytes().take_while(|&digit| digit == b'0').count();
    let digits = all.trim_matches('0');
    if digits.is_empty() || (number.abs() < LARGE && digits.len() <= MOST_DIGITS) {
        return None;
    }
    // Where the point stands among the digits: before the first at 0.
    let point = i32::try_from(whole.len()).ok()? - i32::try_from(leading).ok()? + exponent;
    let length = i32::try_from(digits.len()).ok()?;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    Some(if point <= 0 {
        format!("{sign}0.{}{digits}", zeros(-point))
    } else if point >= length {
        format!("{sign}{digits}{}", zeros(point - length))
    } else {
        let (before, after) = digits.split_at(usize::try_from(point).ok()?);
        format!("{sign}{before}.{after}")
    })
}

/// What a format shows numbers as, by its letters outside quotes and colours.
fn shown_as(code: &str) -> Shown {
    let (mut quoted, mut escaped) = (false, false);
    // What stands within brackets, which may be a colour, or letters of a time that has passed.
    let mut bracketed: Option<String> = None;
    let mut shown = Shown::Number;
    // Only the first of four formats, that of positive numbers, decides.
    for letter in code.split(';').next().unwrap_or_default().chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' | '_' | '*' if !quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '[' => bracketed = Some(String::new()),
            ']' => {
                let within = bracketed.take().unwrap_or_default();
                if matches!(within.as_str(), "h" | "hh" | "m" | "mm" | "s" | "ss") {
                    return Shown::Elapsed;
                }
            }
            letter => match &mut bracketed {
                Some(within) => within.push(letter.to_ascii_lowercase()),
                None if "dmyhsDMYHS".contains(letter) => shown = Shown::Moment,
                None => {}
            },
        }
    }
    shown
}

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Hours, minutes and seconds, the last with a fraction where there is one: Excel tells
/// thousandths apart.
fn clock(milliseconds: i64) -> String {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    let fraction = match rest {
        0 => String::new(),
        rest => format!(".{rest:03}").trim_end_matches('0').to_owned(),
    };
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}{fraction}", seconds % 60)
}

/// The hours, minutes and seconds of a number of days.
fn elapsed(days: f64) -> Option<String> {
    let milliseconds = (days.abs() * DAY as f64).round();
    // As many days as a date may have.
    let is_shown = days.abs() < 2_958_466.0;
    let sign = if days < 0.0 { "-" } else { "" };
    is_shown.then(|| format!("{sign}{}", clock(milliseconds as i64)))
}

/// The date and time of a day's number.
fn date(serial: f64, from_1904: bool) -> Option<String> {
    let serial = if from_1904 { serial + 1462.0 } else { serial };
    // The years that Excel shows.
    if !(0.0..2_958_466.0).contains(&serial) {
        return None;
    }
    let all = (serial * DAY as f64).round() as i64;
    let (mut day, milliseconds) = (all / DAY, all % DAY);
    let time = clock(milliseconds);
    if day == 0 {
        return Some(time);
    }
    // Excel has a 29 February 1900, day 60, which never was.
    if day < 60 {
        day += 1;
    }
    let (year, month, day) = civil(day - 25_569);
    let date = format!("{year:04}-{month:02}-{day:02}");
    Some(if milliseconds == 0 {
        date
    } else {
        format!("{date}T{time}")
    })
}

/// Year, month and day of a day counted from 1 January 1970, by the cycle of 400
/// years that begins in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_a_workbook_are_undone_as_excel_does() {
        for (written, shown) in [
            ("cells_x0020_B", "cells B"),
            ("IC50_x000D_\n(nM)", "IC50\r\n(nM)"),
            ("cells_x005F_x0020_B", "cells_x0020_B"),
            ("a_x00b5_M", "aµM"),
            ("_x0041__x0042_", "AB"),
            ("plain_xyz_", "plain_xyz_"),
            ("_x12_ _x00G0_ _x000D", "_x12_ _x00G0_ _x000D"),
            ("_xD83E_", "_xD83E_"),
            ("_x", "_x"),
            ("_xµµ_", "_xµµ_"),
        ] {
            assert_eq!(unescaped(written.to_owned()), shown, "{written}");
        }
    }

    #[test]
    fn digits_that_no_double_holds_stay() {
        for (value, shown, large) in [
            ("9007199254740991", "9007199254740991", false),
            ("9007199254740993", "9007199254740993", true),
            ("9007199254740993.0", "9007199254740993", true),
            ("+9007199254740993", "9007199254740993", true),
            ("-9007199254740993.50", "-9007199254740993.5", true),
            ("-12345678901234567890", "-12345678901234567890", true),
            ("9.007199254740993E15", "9007199254740993", true),
            ("9.007199254740993e+15", "9007199254740993", true),
            ("1.2345678901234568E+19", "12345678901234568000", true),
            ("00900719925474099300e-2", "9007199254740993", true),
            ("1E+300", &format!("1{}", "0".repeat(300)), true),
            ("1.5", "1.5", false),
            ("1.23E2", "123", false),
            ("+123", "123", false),
            ("+0.50", "0.5", false),
            ("-0.0", "-0", false),
            ("0.10000000000000001", "0.1", false),
            ("1.0000000000000000000", "1", false),
            ("0.1234567890123456789", "0.1234567890123456789", false),
            ("1234567890123456789E-20", "0.01234567890123456789", false),
            ("-1234567890123.456789", "-1234567890123.456789", false),
            ("1e-7", "0.0000001", false),
            ("12,5", "12,5", false),
            ("1E-999999999", "1E-999999999", false),
            ("inf", "inf", false),
            ("NaN", "NaN", false),
        ] {
            assert_eq!(number(value, Shown::Number, false), shown, "{value}");
            assert_eq!(is_large(value), large, "{value}");
        }
    }

    #[test]
    fn days_are_counted_as_excel_counts_them() {
        for (serial, shown) in [
            (1.0, "1900-01-01"),
            (59.0, "1900-02-28"),
            (61.0, "1900-03-01"),
            (25_569.0, "1970-01-01"),
            (45_351.0, "2024-02-29"),
            (45_231.75, "2023-11-01T18:00:00"),
            (45_351.551_568_287_04, "2024-02-29T13:14:15.5"),
            (45_351.551_573_495_37, "2024-02-29T13:14:15.95"),
            (45_351.0 + 1.0 / 3.0, "2024-02-29T08:00:00"),
            (45_351.999_999_999_9, "2024-03-01"),
            (0.5, "12:00:00"),
            (2_958_465.0, "9999-12-31"),
        ] {
            assert_eq!(date(serial, false).as_deref(), Some(shown));
        }
        assert_eq!(date(0.0, true).as_deref(), Some("1904-01-01"));
        assert_eq!(date(-1.0, false), None);
        for (code, expected) in [
            ("yyyy\\-mm\\-dd", Shown::Moment),
            ("0.00", Shown::Number),
            ("[Red]0.0 \"days\"", Shown::Number),
            ("#,##0_d", Shown::Number),
            ("[$-409]d mmm", Shown::Moment),
            ("General", Shown::Number),
            ("[h]:mm:ss", Shown::Elapsed),
            ("[Blue][MM]:ss", Shown::Elapsed),
            ("h:mm", Shown::Moment),
        ] {
            assert_eq!(shown_as(code), expected, "{code}");
        }
        for (days, shown) in [
            (1.25, "30:00:00"),
            (0.5, "12:00:00"),
            (100.0, "2400:00:00"),
            (-0.25, "-06:00:00"),
            (1.0 / 86_400_000.0, "00:00:00.001"),
        ] {
            assert_eq!(elapsed(days).as_deref(), Some(shown));
        }
    }

    #[test]
    fn cells_stand_where_they_say() {
        assert_eq!(position("A1"), Some((0, 0)));
        assert_eq!(position("AB12"), Some((11, 27)));
        assert_eq!(position("XFD1048576"), Some((1_048_575, 16_383)));
        for wrong in ["", "A", "1", "A0", "XFE1", "a1", "AAAAAAAAAA1"] {
            assert_eq!(position(wrong), None, "{wrong}");
        }
    }
}
