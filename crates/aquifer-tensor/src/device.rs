//! What tensors lie on and operators run on.

/// A device. Above the operators it is a value: nothing there is compiled for one in particular.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum Device {
    /// The processor and its memory; which instructions it is asked for, [`isa`](crate::isa) says.
    Cpu,
}

impl Device {
    /// The name people read.
    pub const fn name(self) -> &'static str {
        match self {
            Device::Cpu => "CPU",
        }
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
