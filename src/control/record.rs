//! One description of each record, for reading and for writing: neither can forget a field or spell it otherwise.

use heapless::string::StringView;
use heapless::{String, Vec};

/// An object of the vocabulary. It lends its fields one by one, in the order in which they are written, to whoever fills or writes
/// them.
pub trait Record {
    /// Lends each field once. Writing changes none of them.
    fn fields(&mut self, with: &mut dyn Fields);
}

/// Who fills or writes the fields of a record.
pub trait Fields {
    /// A text.
    fn text(&mut self, name: &'static str, text: &mut StringView);
    /// A short text, or null.
    fn text_or_null(&mut self, name: &'static str, text: &mut Option<String<15>>);
    /// A number, or null where the type has room for that.
    fn number(&mut self, name: &'static str, number: &mut dyn Number);
    /// True or false.
    fn flag(&mut self, name: &'static str, flag: &mut bool);
    /// One of some words, by its place among them.
    fn word(&mut self, name: &'static str, words: &[&str], place: &mut usize);
    /// An object.
    fn record(&mut self, name: &'static str, record: &mut dyn Record);
    /// An array.
    fn list(&mut self, name: &'static str, list: &mut dyn List);
}

/// A number of a record.
pub trait Number {
    /// Its value, or none for null.
    fn value(&self) -> Option<u64>;
    /// Whether that value, or null, has room.
    fn set(&mut self, value: Option<u64>) -> bool;
}

macro_rules! number {
    ($($kind:ty),*) => {$(
        impl Number for $kind {
            fn value(&self) -> Option<u64> {
                Some(u64::from(*self))
            }

            fn set(&mut self, value: Option<u64>) -> bool {
                let fitting = value.and_then(|value| <$kind>::try_from(value).ok());
                *self = fitting.unwrap_or_default();
                fitting.is_some()
            }
        }

        impl Number for Option<$kind> {
            fn value(&self) -> Option<u64> {
                self.map(u64::from)
            }

            fn set(&mut self, value: Option<u64>) -> bool {
                *self = value.and_then(|value| <$kind>::try_from(value).ok());
                self.is_some() == value.is_some()
            }
        }
    )*};
}

number!(u8, u16, u32, u64);

/// An array of a record, of limited length.
pub trait List {
    /// Takes all elements out.
    fn clear(&mut self);
    /// Adds an empty element, unless the list is full.
    fn grow(&mut self) -> bool;
    /// Lends an element as a field without a name; false when there is none at this place.
    fn lend(&mut self, place: usize, with: &mut dyn Fields) -> bool;
}

impl<T: Record + Default, const N: usize> List for Vec<T, N> {
    fn clear(&mut self) {
        self.as_mut_view().clear();
    }

    fn grow(&mut self) -> bool {
        self.push(T::default()).is_ok()
    }

    fn lend(&mut self, place: usize, with: &mut dyn Fields) -> bool {
        self.get_mut(place)
            .map(|record| with.record("", record))
            .is_some()
    }
}

impl<const BYTES: usize, const N: usize> List for Vec<String<BYTES>, N> {
    fn clear(&mut self) {
        self.as_mut_view().clear();
    }

    fn grow(&mut self) -> bool {
        self.push(String::new()).is_ok()
    }

    fn lend(&mut self, place: usize, with: &mut dyn Fields) -> bool {
        self.get_mut(place)
            .map(|text| with.text("", text))
            .is_some()
    }
}
