//! Moments as text, each by the clock of its zone.

use std::fmt::Write;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::temporal_conversions::as_datetime_with_timezone;
use arrow_array::timezone::Tz;
use arrow_array::types::{
    ArrowTimestampType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_cast::display::{
    ArrayFormatter, ArrayFormatterFactory, DisplayIndex, FormatOptions, FormatResult,
};
use arrow_schema::{ArrowError, DataType, Field, TimeUnit};
use chrono::{Offset, SecondsFormat};

/// Shows moments that have a zone, also within lists and records. Arrow itself cuts an
/// offset down to minutes (Liberia was 44 minutes and 30 seconds behind until 1972), by
/// which the text is another moment, and shows nothing of a column whose zone it does not
/// know: Parquet has the moment in any case, and so it is told in UTC.
#[derive(Debug)]
pub(super) struct Zones;

impl ArrayFormatterFactory for Zones {
    fn create_array_formatter<'a>(
        &self,
        array: &'a dyn Array,
        options: &FormatOptions<'a>,
        _: Option<&'a Field>,
    ) -> Result<Option<ArrayFormatter<'a>>, ArrowError> {
        let DataType::Timestamp(unit, Some(zone)) = array.data_type() else {
            return Ok(None);
        };
        let moments = Moments {
            array,
            unit: *unit,
            zone: known(zone).or_else(|_| known("+00:00"))?,
            null: options.null(),
        };
        Ok(Some(ArrayFormatter::new(Box::new(moments), options.safe())))
    }
}

fn known(zone: &str) -> Result<Tz, ArrowError> {
    zone.parse()
}

/// The first zone of a type that is not known.
pub(super) fn unknown_zone(kind: &DataType) -> Option<&str> {
    match kind {
        DataType::Timestamp(_, Some(zone)) => known(zone).is_err().then_some(zone),
        DataType::Dictionary(_, values) => unknown_zone(values),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => unknown_zone(field.data_type()),
        DataType::Struct(fields) => fields
            .iter()
            .find_map(|field| unknown_zone(field.data_type())),
        _ => None,
    }
}

struct Moments<'a> {
    array: &'a dyn Array,
    unit: TimeUnit,
    zone: Tz,
    null: &'a str,
}

impl Moments<'_> {
    fn text<T: ArrowTimestampType>(&self, row: usize) -> Result<String, ArrowError> {
        let value = self.array.as_primitive::<T>().value(row);
        let moment = as_datetime_with_timezone::<T>(value, self.zone);
        let moment = moment.ok_or_else(|| {
            let kind = self.array.data_type();
            ArrowError::CastError(format!("{value} as {kind} is beyond the calendar"))
        })?;
        let seconds = moment.offset().fix().local_minus_utc() % 60;
        Ok(match seconds {
            0 => moment.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            _ => moment.format("%Y-%m-%dT%H:%M:%S%.f%::z").to_string(),
        })
    }
}

impl DisplayIndex for Moments<'_> {
    fn write(&self, row: usize, out: &mut dyn Write) -> FormatResult {
        if self.array.is_null(row) {
            return Ok(out.write_str(self.null)?);
        }
        let text = match self.unit {
            TimeUnit::Second => self.text::<TimestampSecondType>(row),
            TimeUnit::Millisecond => self.text::<TimestampMillisecondType>(row),
            TimeUnit::Microsecond => self.text::<TimestampMicrosecondType>(row),
            TimeUnit::Nanosecond => self.text::<TimestampNanosecondType>(row),
        };
        Ok(out.write_str(&text?)?)
    }
}
