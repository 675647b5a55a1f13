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

/// What can be switched on at the end of every preset, as comments.
pub const ENDING: &str = include_str!("presets/ending.toml");

/// Every preset there is.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "fineweb",
        about: "English web pages, as FineWeb was made",
        text: include_str!("presets/fineweb.toml"),
    },
    Preset {
        name: "fineweb-zh",
        about: "Chinese web pages, as FineWeb-2 was made",
        text: include_str!("presets/fineweb-zh.toml"),
    },
    Preset {
        name: "flagdata",
        about: "Chinese web pages by FlagData's rules, without what tells who people are",
        text: include_str!("presets/flagdata.toml"),
    },
    Preset { name: "c4", about: "English web pages, as C4 was made", text: include_str!("presets/c4.toml") },
    Preset {
        name: "gopher",
        about: "English web pages by the rules of MassiveWeb",
        text: include_str!("presets/gopher.toml"),
    },
    Preset { name: "code", about: "source files by the rules of The Stack", text: include_str!("presets/code.toml") },
    Preset { name: "sft", about: "dialogues to fine-tune on", text: include_str!("presets/sft.toml") },
    Preset { name: "books", about: "books and other long texts", text: include_str!("presets/books.toml") },
    Preset { name: "web", about: "web pages in any language, by few rules", text: include_str!("presets/web.toml") },
    Preset {
        name: "short",
        about: "short documents: without notices and noise",
        text: include_str!("presets/short.toml"),
    },
    Preset { name: "plain", about: "any text: broken encodings put right", text: include_str!("presets/plain.toml") },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Recipe;

    #[test]
    fn every_preset_is_a_recipe() {
        for preset in PRESETS {
            assert_eq!(Recipe::preset(preset.name), Some(Recipe::parse(preset.text, preset.name).unwrap()));
        }
    }

    #[test]
    fn the_ending_changes_nothing_until_it_is_switched_on() {
        let short = Recipe::preset("short").unwrap();
        let of = |ending: &str| Recipe::parse(&(short.to_toml() + ending), "short").unwrap();
        assert_eq!(of(ENDING).to_toml(), short.to_toml());
        let on = |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned();
        let on = of(&ENDING.lines().map(on).collect::<Vec<_>>().join("\n"));
        // What stands there are the defaults.
        assert_eq!(on.shards, Some(crate::pipeline::Shards::default()));
        assert_eq!((on.sources.len(), on.sources[0].weight, on.sources[1].sample), (2, Some(3.0), 1.0));
    }
}
