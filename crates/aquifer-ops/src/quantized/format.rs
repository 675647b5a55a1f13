//! How many bits a quantised weight has, and how many weights share a scale.

use crate::OpError;

/// Bits of one weight.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum QuantBits {
    /// −127 to 127.
    Int8,
    /// −8 to 7.
    Int4,
}

/// How a weight is quantised: its bits, and how many of its columns share one scale.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct QuantFormat {
    bits: QuantBits,
    group: usize,
}

impl QuantFormat {
    /// Eight bits, groups of 64: 8.25 bits a weight with its share of the scale.
    pub const INT8: QuantFormat = QuantFormat { bits: QuantBits::Int8, group: 64 };

    /// Four bits, groups of 32: 4.5 bits a weight with its share of the scale.
    pub const INT4: QuantFormat = QuantFormat { bits: QuantBits::Int4, group: 32 };

    /// A format with another group.
    ///
    /// # Errors
    /// [`OpError::Value`] unless `group` is 32, 64 or 128.
    pub fn new(bits: QuantBits, group: usize) -> Result<Self, OpError> {
        if [32, 64, 128].contains(&group) {
            return Ok(QuantFormat { bits, group });
        }
        let want = "32, 64 or 128".to_owned();
        Err(OpError::Value { op: "QuantFormat", arg: "group", want, got: group.to_string() })
    }

    /// Bits of one weight.
    pub const fn bits(self) -> QuantBits {
        self.bits
    }

    /// Neighbours along k that share a scale.
    pub const fn group(self) -> usize {
        self.group
    }

    /// The name written on the command line and in records, such as `int8/64`.
    pub const fn name(self) -> &'static str {
        match (self.bits, self.group) {
            (QuantBits::Int8, 32) => "int8/32",
            (QuantBits::Int8, 64) => "int8/64",
            (QuantBits::Int8, _) => "int8/128",
            (QuantBits::Int4, 32) => "int4/32",
            (QuantBits::Int4, 64) => "int4/64",
            (QuantBits::Int4, _) => "int4/128",
        }
    }

    /// The format of this [`QuantFormat::name`]; plain `int8` and `int4` take the usual group.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "int8" => return Some(QuantFormat::INT8),
            "int4" => return Some(QuantFormat::INT4),
            _ => {}
        }
        let formats = [QuantBits::Int8, QuantBits::Int4]
            .into_iter()
            .flat_map(|bits| [32, 64, 128].map(|group| QuantFormat { bits, group }));
        formats.into_iter().find(|format| format.name() == name)
    }

    /// What is added to a weight so that it is stored without a sign.
    pub(super) const fn offset(self) -> i32 {
        match self.bits {
            QuantBits::Int8 => 128,
            QuantBits::Int4 => 8,
        }
    }
}

impl std::fmt::Display for QuantFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
