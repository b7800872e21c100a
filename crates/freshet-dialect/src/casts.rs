//! `CAST` of one value to another type, as Trino does it.

use crate::error::{Error, fault, refuse};
use crate::json::{self, Json};
use crate::kinds::Kind;
use crate::moments::{self, DAY};
use crate::numbers;
use crate::text::{pad, text_of};
use crate::value::Value;

/// Whether Trino has a cast from one type to the other.
pub(crate) fn exists(from: &Kind, to: &Kind) -> bool {
    use Kind::{
        Array, Boolean, Date, DayTime, Decimal, Double, Json, Map, Real, Row, Time, Timestamp, Unknown, Varbinary, YearMonth, Zoned,
    };
    if from == to || *from == Unknown {
        return true;
    }
    match (from, to) {
        (Json, Array(of)) => exists(&Json, of),
        (Json, Map(key, value)) => (key.is_text() || matches!(**key, Boolean) || key.is_number()) && exists(&Json, value),
        (Json, Row(fields)) => fields.iter().all(|(_, kind)| exists(&Json, kind)),
        (Json, to) => to.is_number() || to.is_text() && !matches!(to, Kind::Char(_)) || *to == Boolean,
        (Array(of), Json) => exists(of, &Json),
        (Map(key, value), Json) => (key.is_text() || key.is_number() || **key == Boolean || **key == Unknown) && exists(value, &Json),
        (Row(fields), Json) => fields.iter().all(|(_, kind)| exists(kind, &Json)),
        (from, Json) => from.is_number() || matches!(from, Kind::Varchar(_) | Boolean | Date | Timestamp(_)),
        (Array(a), Array(b)) => exists(a, b),
        (Map(k, v), Map(l, w)) => exists(k, l) && exists(v, w),
        (Row(a), Row(b)) => a.len() == b.len() && a.iter().zip(b).all(|((_, a), (_, b))| exists(a, b)),
        (from, to) if from.is_text() && to.is_text() => true,
        (from, to) if from.is_text() => {
            to.is_number()
                || matches!(to, Boolean | Date | Time(_) | Timestamp(_) | Zoned(_))
                || (*to == Varbinary && matches!(from, Kind::Varchar(_)))
        }
        (from, Kind::Varchar(_)) => {
            from.is_number() || matches!(from, Boolean | Date | Time(_) | Timestamp(_) | Zoned(_) | DayTime | YearMonth)
        }
        (from, Kind::Char(_)) => from.is_integer() || matches!(from, Boolean),
        (from, to) if from.is_number() && to.is_number() => true,
        (Boolean, to) => to.is_number(),
        (from, Boolean) => from.is_integer() || matches!(from, Real | Double | Decimal(..)),
        (Date, Timestamp(_) | Zoned(_))
        | (Timestamp(_) | Zoned(_), Date | Time(_) | Zoned(_) | Timestamp(_))
        | (Time(_), Time(_) | Timestamp(_) | Zoned(_)) => true,
        _ => false,
    }
}

fn cannot(value: &Value, from: &Kind, to: &Kind) -> Error {
    let quoted = if from.is_text() { format!("'{}'", value.str()) } else { text_of(value, from) };
    fault("INVALID_CAST_ARGUMENT", format!("Cannot cast {quoted} to {to}"))
}

fn outside(value: &Value, from: &Kind, to: &Kind) -> Error {
    if from.is_integer() {
        return fault("INVALID_CAST_ARGUMENT", format!("Out of range for {to}: {}", text_of(value, from)));
    }
    cannot(value, from, to)
}

/// The value as another type.
#[expect(clippy::too_many_lines, reason = "one arm a type")]
pub(crate) fn cast(value: &Value, from: &Kind, to: &Kind) -> Result<Value, Error> {
    if from == to {
        return Ok(value.clone());
    }
    if *to == Kind::Json && !matches!(value, Value::Null) {
        return Ok(Value::from(json::write(&to_json(value, from)?, json::Style::Cast)));
    }
    if value.is_null() {
        return Ok(Value::Null);
    }
    if *from == Kind::Json {
        return from_json(&json::parse(value.str())?, to);
    }
    let failed = || cannot(value, from, to);
    Ok(match to {
        Kind::Boolean => match from {
            from if from.is_text() => match value.str().to_lowercase().as_str() {
                "t" | "true" | "1" => Value::Bool(true),
                "f" | "false" | "0" => Value::Bool(false),
                _ => return Err(failed()),
            },
            Kind::Real | Kind::Double => Value::Bool(value.float() != 0.0),
            _ => Value::Bool(value.decimal() != 0),
        },
        Kind::TinyInt | Kind::SmallInt | Kind::Integer | Kind::BigInt => integer(value, from, to)?,
        Kind::Real | Kind::Double => {
            let double = match from {
                from if from.is_text() => numbers::read_double(value.str()).ok_or_else(failed)?,
                Kind::Decimal(_, scale) => numbers::decimal_to_double(value.decimal(), *scale),
                Kind::Boolean => f64::from(u8::from(value.bool())),
                _ => value.float(),
            };
            #[expect(clippy::cast_possible_truncation, reason = "a real is the nearest one")]
            Value::Float(if *to == Kind::Real { f64::from(double as f32) } else { double })
        }
        Kind::Decimal(precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            let unscaled = match from {
                from if from.is_text() => {
                    numbers::read_decimal(value.str()).and_then(|(digits, at)| numbers::rescale(digits, at, scale.into()))
                }
                #[expect(clippy::cast_possible_truncation, reason = "a real kept as a double")]
                Kind::Real => numbers::real_to_decimal(value.float() as f32, scale),
                Kind::Double => numbers::double_to_decimal(value.float(), scale),
                Kind::Decimal(_, at) => numbers::rescale(value.decimal(), (*at).into(), scale.into()),
                Kind::Boolean => numbers::rescale(i128::from(value.int()), 0, scale.into()),
                _ => numbers::rescale(value.decimal(), 0, scale.into()),
            };
            match unscaled {
                Some(unscaled) if unscaled.abs() < numbers::power(precision.into()) => Value::Decimal(unscaled),
                _ => return Err(failed()),
            }
        }
        Kind::Varchar(length) => {
            let text = cast_text(value, from)?;
            match length {
                Some(length) if text.chars().count() > *length as usize => {
                    if !from.is_text() {
                        return Err(fault("INVALID_CAST_ARGUMENT", format!("Value {text} cannot be represented as varchar({length})")));
                    }
                    Value::from(text.chars().take(*length as usize).collect::<String>())
                }
                _ => Value::from(text),
            }
        }
        Kind::Char(length) => {
            let text = cast_text(value, from)?;
            if !from.is_text() && text.chars().count() > *length as usize {
                return Err(fault("INVALID_CAST_ARGUMENT", format!("Value {text} cannot be represented as char({length})")));
            }
            Value::from(text.chars().take(*length as usize).collect::<String>().trim_end_matches(' ').to_owned())
        }
        Kind::Date => match from {
            Kind::Timestamp(_) => Value::Int(value.int().div_euclid(DAY)),
            Kind::Zoned(_) => Value::Int(wall(value)?.div_euclid(DAY)),
            _ => match moments::read_clock(value.str()) {
                Some((micros, 0, None)) if !value.str().trim().contains([':', ' ', 'T']) => Value::Int(micros.div_euclid(DAY)),
                _ => return Err(failed()),
            },
        },
        Kind::Time(precision) => {
            let nanos = match from {
                Kind::Time(_) => value.int(),
                Kind::Timestamp(_) => value.int().rem_euclid(DAY) * 1000,
                Kind::Zoned(_) => wall(value)?.rem_euclid(DAY) * 1000,
                _ => moments::read_time(value.str().trim()).ok_or_else(failed)?.0,
            };
            Value::Int(moments::round(nanos / 1000, *precision).rem_euclid(DAY) * 1000)
        }
        Kind::Timestamp(precision) => {
            let micros = match from {
                Kind::Date => value.int() * DAY,
                Kind::Timestamp(_) => value.int(),
                Kind::Zoned(_) => wall(value)?,
                Kind::Time(_) => return Err(crate::error::missing("CAST of time to timestamp")),
                _ => moments::read_clock(value.str()).ok_or_else(failed)?.0,
            };
            Value::Int(moments::round(micros, *precision))
        }
        Kind::Zoned(_)
            if matches!(from, Kind::Date | Kind::Timestamp(_))
                && (value.int() / if *from == Kind::Date { 1 } else { DAY }).abs() > 26_000_000 =>
        {
            return Err(failed());
        }
        Kind::Zoned(precision) => match from {
            Kind::Date => Value::Zoned(value.int() * DAY, "UTC".into()),
            Kind::Timestamp(_) => Value::Zoned(moments::round(value.int(), *precision), "UTC".into()),
            Kind::Zoned(_) => Value::Zoned(moments::round(value.int(), *precision), zone_of(value)),
            Kind::Time(_) => return Err(crate::error::missing("CAST of time to timestamp with time zone")),
            _ => {
                let (micros, _, zone) = moments::read_clock(value.str()).ok_or_else(failed)?;
                let zone = moments::zone_name(zone.unwrap_or("UTC")).map_err(|_| failed())?;
                let instant = moments::written(micros, &zone)?.ok_or_else(failed)?;
                Value::Zoned(moments::round(instant, *precision), zone)
            }
        },
        Kind::Array(to) => match from {
            Kind::Array(from) => Value::List(value.list().iter().map(|item| cast(item, from, to)).collect::<Result<_, _>>()?),
            _ => return Err(failed()),
        },
        Kind::Map(key_to, value_to) => match from {
            Kind::Map(key, item) => {
                let mut entries: Vec<(Value, Value)> = Vec::new();
                for (k, v) in value.entries() {
                    let k = cast(k, key, key_to)?;
                    if entries.iter().any(|(known, _)| crate::value::same(known, &k)) {
                        return Err(fault("INVALID_CAST_ARGUMENT", "duplicate keys"));
                    }
                    entries.push((k, cast(v, item, value_to)?));
                }
                Value::Map(entries)
            }
            _ => return Err(failed()),
        },
        Kind::Row(fields) => match from {
            Kind::Row(from) => Value::Row(
                value
                    .list()
                    .iter()
                    .zip(from.iter().zip(fields))
                    .map(|(item, ((_, from), (_, to)))| cast(item, from, to))
                    .collect::<Result<_, _>>()?,
            ),
            _ => return Err(failed()),
        },
        Kind::Varbinary => Value::from(value.str().as_bytes().to_vec()),
        Kind::Unknown | Kind::DayTime | Kind::YearMonth | Kind::Json => {
            return Err(refuse("TYPE_MISMATCH", format!("Cannot cast {from} to {to}")));
        }
    })
}

fn zone_of(value: &Value) -> std::sync::Arc<str> {
    if let Value::Zoned(_, zone) = value { zone.clone() } else { "UTC".into() }
}

/// The wall clock of a zoned time.
pub(crate) fn wall(value: &Value) -> Result<i64, Error> {
    moments::local(value.int(), &zone_of(value))
}

fn integer(value: &Value, from: &Kind, to: &Kind) -> Result<Value, Error> {
    let whole: i128 = match from {
        from if from.is_text() => value.str().trim().parse::<i64>().map_err(|_| cannot(value, from, to))?.into(),
        Kind::Decimal(_, scale) => numbers::rescale(value.decimal(), (*scale).into(), 0).ok_or_else(|| outside(value, from, to))?,
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked below")]
        Kind::Real | Kind::Double if value.float().is_finite() => numbers::round_half_up(value.float()) as i128,
        Kind::Real | Kind::Double => return Err(cannot(value, from, to)),
        _ => value.int().into(),
    };
    let (least, most) = match to {
        Kind::TinyInt => (i8::MIN.into(), i8::MAX.into()),
        Kind::SmallInt => (i16::MIN.into(), i16::MAX.into()),
        Kind::Integer => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    };
    match i64::try_from(whole) {
        Ok(whole) if (least..=most).contains(&whole) => Ok(Value::Int(whole)),
        _ => Err(outside(value, from, to)),
    }
}

/// The text that `CAST(… AS varchar)` gives.
fn cast_text(value: &Value, from: &Kind) -> Result<String, Error> {
    Ok(match from {
        Kind::Varchar(_) => value.str().to_owned(),
        Kind::Char(length) => pad(value.str(), *length),
        Kind::Double => numbers::double_cast(value.float()),
        #[expect(clippy::cast_possible_truncation, reason = "a real kept as a double")]
        Kind::Real => numbers::real_cast(value.float() as f32),
        Kind::Timestamp(precision) => moments::clock_text(value.int(), *precision),
        Kind::Zoned(precision) => format!("{} {}", moments::clock_text(wall(value)?, *precision), zone_of(value)),
        Kind::Time(precision) => moments::time_text(value.int(), *precision),
        _ => text_of(value, from),
    })
}

/// A value as JSON.
pub(crate) fn to_json(value: &Value, kind: &Kind) -> Result<Json, Error> {
    if value.is_null() {
        return Ok(Json::Null);
    }
    Ok(match kind {
        Kind::Boolean => Json::Bool(value.bool()),
        Kind::Double | Kind::Real if !value.float().is_finite() => Json::Text(text_of(value, kind)),
        kind if kind.is_number() => Json::Number(text_of(value, kind)),
        Kind::Json => json::parse(value.str())?,
        Kind::Array(of) => Json::Array(value.list().iter().map(|item| to_json(item, of)).collect::<Result<_, _>>()?),
        Kind::Map(key, item) => {
            let mut members = Vec::new();
            for (k, v) in value.entries() {
                members.push((if key.is_text() { k.str().to_owned() } else { cast_text(k, key)? }, to_json(v, item)?));
            }
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(members)
        }
        Kind::Row(fields) => Json::Object(
            value
                .list()
                .iter()
                .zip(fields)
                .map(|(item, (name, kind))| Ok((name.clone().unwrap_or_default(), to_json(item, kind)?)))
                .collect::<Result<_, Error>>()?,
        ),
        Kind::Timestamp(_) | Kind::Varchar(_) | Kind::Char(_) => Json::Text(cast_text(value, kind)?),
        _ => Json::Text(text_of(value, kind)),
    })
}

/// JSON as a value of a type.
pub(crate) fn from_json(json: &Json, to: &Kind) -> Result<Value, Error> {
    let failed = || fault("INVALID_CAST_ARGUMENT", format!("Cannot cast '{}' to {to}", json::write(json, json::Style::Parsed)));
    if *to == Kind::Json {
        return Ok(Value::from(json::write(json, json::Style::Part)));
    }
    Ok(match (json, to) {
        (Json::Null, _) => Value::Null,
        (Json::Array(items), Kind::Array(of)) => Value::List(items.iter().map(|item| from_json(item, of)).collect::<Result<_, _>>()?),
        (Json::Object(members), Kind::Map(key, item)) => {
            let mut entries: Vec<(Value, Value)> = Vec::new();
            for (name, value) in members {
                let key = cast(&Value::from(name.as_str()), &Kind::Varchar(None), key)?;
                if entries.iter().any(|(known, _)| crate::value::same(known, &key)) {
                    return Err(failed());
                }
                entries.push((key, from_json(value, item)?));
            }
            Value::Map(entries)
        }
        (Json::Array(items), Kind::Row(fields)) if items.len() == fields.len() => {
            Value::Row(items.iter().zip(fields).map(|(item, (_, kind))| from_json(item, kind)).collect::<Result<_, _>>()?)
        }
        (Json::Object(members), Kind::Row(fields)) => {
            let mut values = Vec::new();
            for (name, kind) in fields {
                let name = name.as_ref().ok_or_else(failed)?;
                let found = members
                    .iter()
                    .find(|(known, _)| known == name)
                    .or_else(|| members.iter().find(|(known, _)| known.to_lowercase() == name.to_lowercase()));
                values.push(found.map_or(Ok(Value::Null), |(_, value)| from_json(value, kind))?);
            }
            Value::Row(values)
        }
        (Json::Array(_) | Json::Object(_), _) | (_, Kind::Array(_) | Kind::Map(..) | Kind::Row(_)) => return Err(failed()),
        (Json::Text(text), to) if to.is_text() => cast(&Value::from(text.as_str()), &Kind::Varchar(None), to)?,
        (Json::Text(text), to) => cast(&Value::from(text.as_str()), &Kind::Varchar(None), to).map_err(|_| failed())?,
        (Json::Bool(value), Kind::Varchar(_)) => cast(&Value::from(if *value { "true" } else { "false" }), &Kind::Varchar(None), to)?,
        (Json::Bool(value), to) => cast(&Value::Bool(*value), &Kind::Boolean, to).map_err(|_| failed())?,
        (Json::Number(text), to) => {
            if text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) {
                if let Kind::Decimal(_, scale) = to {
                    let digits = numbers::read_decimal(text)
                        .and_then(|(digits, at)| numbers::rescale(digits, at, (*scale).into()))
                        .ok_or_else(failed)?;
                    return cast(&Value::Decimal(digits), &Kind::Decimal(38, *scale), to).map_err(|_| failed());
                }
                cast(&Value::Float(text.parse().map_err(|_| failed())?), &Kind::Double, to).map_err(|_| failed())?
            } else {
                let digits = text.parse().map_err(|_| failed())?;
                match i64::try_from(digits) {
                    Ok(whole) => cast(&Value::Int(whole), &Kind::BigInt, to).map_err(|_| failed())?,
                    Err(_) => cast(&Value::Decimal(digits), &Kind::Decimal(38, 0), to).map_err(|_| failed())?,
                }
            }
        }
    })
}
