//! Reads the shares and the ceilings: percent of each class, for both directions together or for each.

use super::form::{self, Field};
use super::problem::{Cause, Expected, Found, Object};
use super::reader::{Fields, Reader, Stop};
use super::{BothWays, Config, Shares};
use crate::value::Class;

/// What such an object is called, as a whole and by direction.
#[derive(Clone, Copy)]
pub(super) struct Percents {
    whole: &'static str,
    up: &'static str,
    down: &'static str,
    /// The sum is at most 100.
    parts: bool,
}

pub(super) const SHARES: Percents = Percents {
    whole: "shares",
    up: "shares.up",
    down: "shares.down",
    parts: true,
};

pub(super) const CEILINGS: Percents = Percents {
    whole: "ceilings",
    up: "ceilings.up",
    down: "ceilings.down",
    parts: false,
};

/// The next object. What it does not name stays as it is.
pub(super) fn read(
    reader: &mut Reader<'_>,
    names: Percents,
    both: &mut BothWays<Shares>,
) -> Result<(), Stop> {
    let start = reader.here();
    let mut fields = Fields::of(Object::Named(names.whole), &form::EITHER);
    reader.object(&fields)?;
    let mut flat = false;
    while let Some(field) = reader.field(&mut fields)? {
        let form = match field {
            Field::Upwards | Field::Downwards => &form::BOTH_WAYS,
            _ => &form::PERCENTS,
        };
        // The first field decides which of the two forms it is.
        if fields.is_first() {
            fields.settle(form, field);
        }
        match field {
            Field::Upwards => direction(reader, names, names.up, &mut both.up)?,
            Field::Downwards => direction(reader, names, names.down, &mut both.down)?,
            class => {
                flat = true;
                percent(reader, class, &mut both.up)?;
            }
        }
    }
    if flat {
        both.down = both.up;
        reader.place = Object::Named(names.whole).itself();
        check_sum(reader, start, names, &both.up)?;
    }
    Ok(())
}

/// The percent of one direction.
fn direction(
    reader: &mut Reader<'_>,
    names: Percents,
    name: &'static str,
    into: &mut Shares,
) -> Result<(), Stop> {
    let start = reader.here();
    let mut fields = Fields::of(Object::Named(name), &form::PERCENTS);
    reader.object(&fields)?;
    while let Some(field) = reader.field(&mut fields)? {
        percent(reader, field, into)?;
    }
    reader.place = Object::Named(name).itself();
    check_sum(reader, start, names, into)
}

fn percent(reader: &mut Reader<'_>, class: Field, into: &mut Shares) -> Result<(), Stop> {
    reader.step()?;
    let percent = reader.small(1, 100)?;
    *match class {
        Field::Premium => &mut into.premium,
        Field::Express => &mut into.express,
        Field::Standard => &mut into.standard,
        _ => &mut into.bulk,
    } = percent;
    Ok(())
}

/// The place is the reader's.
fn check_sum(
    reader: &mut Reader<'_>,
    start: usize,
    names: Percents,
    shares: &Shares,
) -> Result<(), Stop> {
    if names.parts && shares.sum() > 100 {
        return Err(reader.refuse(Some(start), Cause::SharesAbove100(*shares)));
    }
    Ok(())
}

/// A ceiling below what is promised is a mistake in one of the two.
pub(super) fn check_ceilings(reader: &mut Reader<'_>, config: &Config) -> Result<(), Stop> {
    let Config {
        shares, ceilings, ..
    } = config;
    for (name, shares, ceilings) in [
        (CEILINGS.up, &shares.up, &ceilings.up),
        (CEILINGS.down, &shares.down, &ceilings.down),
    ] {
        for class in Class::SHAPED {
            let (share, ceiling) = (shares.of(class), ceilings.of(class));
            if ceiling < share {
                reader.place = Object::Named(name).field(class.name());
                let found = Found::number(ceiling.into());
                return Err(reader.refuse_found(None, Expected::Ceiling { share }, found));
            }
        }
    }
    Ok(())
}
