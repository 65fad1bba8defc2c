//! Reads the shares and the ceilings: percent of each class, for both directions together or for each.

use super::form::{self, Field};
use super::problem::{Cause, Expected, Found, Object};
use super::reader::{Fields, Reader, Stop};
use super::{BothWays, Config, Shares};
use crate::value::Class;

/// What such an object is called: for both directions, for uploads, for downloads.
pub(super) type Names = [&'static str; 3];

pub(super) const SHARES: Names = ["shares", "shares.up", "shares.down"];
pub(super) const CEILINGS: Names = ["ceilings", "ceilings.up", "ceilings.down"];

/// Places among the names.
const BOTH: usize = 0;
const UP: usize = 1;
const DOWN: usize = 2;

/// The next object, of that name. What it does not name stays as it is.
pub(super) fn read(
    reader: &mut Reader<'_>,
    names: &Names,
    which: usize,
    both: &mut BothWays<Shares>,
) -> Result<(), Stop> {
    let start = reader.here();
    let object = Object::Named(names.get(which).copied().unwrap_or_default());
    let form = if which == BOTH {
        &form::EITHER
    } else {
        &form::PERCENTS
    };
    let mut fields = Fields::of(object, form);
    reader.object(&fields)?;
    while let Some(field) = reader.field(&mut fields)? {
        let half = match field {
            Field::Upwards => UP,
            Field::Downwards => DOWN,
            _ => BOTH,
        };
        // The first field decides which of the two forms it is.
        if fields.is_first() {
            let form = if half == BOTH {
                &form::PERCENTS
            } else {
                &form::BOTH_WAYS
            };
            fields.settle(form, field);
        }
        if half != BOTH {
            read(reader, names, half, both)?;
            continue;
        }
        reader.step()?;
        let percent = reader.small(1, 100)?;
        for (way, shares) in [(DOWN, &mut both.up), (UP, &mut both.down)] {
            if which != way {
                set(shares, field, percent);
            }
        }
    }
    if *names == SHARES {
        for shares in [&both.up, &both.down] {
            if shares.sum() > 100 {
                reader.place = object.itself();
                return Err(reader.refuse(Some(start), Cause::SharesAbove100(*shares)));
            }
        }
    }
    Ok(())
}

fn set(shares: &mut Shares, class: Field, percent: u8) {
    *match class {
        Field::Premium => &mut shares.premium,
        Field::Express => &mut shares.express,
        Field::Standard => &mut shares.standard,
        _ => &mut shares.bulk,
    } = percent;
}

/// A ceiling below what is promised is a mistake in one of the two.
pub(super) fn check_ceilings(reader: &mut Reader<'_>, config: &Config) -> Result<(), Stop> {
    let Config {
        shares, ceilings, ..
    } = config;
    let [both, up, down] = CEILINGS;
    // As they are written: once, where they are the same.
    let up = if ceilings.up == ceilings.down && shares.up == shares.down {
        both
    } else {
        up
    };
    for (name, shares, ceilings) in [
        (up, &shares.up, &ceilings.up),
        (down, &shares.down, &ceilings.down),
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
