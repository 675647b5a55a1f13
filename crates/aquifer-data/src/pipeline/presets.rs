//! Recipes that come with the program: starting points to be edited.

/// A recipe under a name.
pub struct Preset {
    /// As it is asked for.
    pub name: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    /// The recipe, with comments.
    pub text: &'static str,
}

/// Every preset there is.
pub const PRESETS: &[Preset] = &[];
