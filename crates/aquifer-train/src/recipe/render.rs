//! A recipe as a file for people: every key with what it means and, where one was given, the reason for its value.

use super::Recipe;
use super::keys::TABLES;

impl Recipe {
    /// The recipe as TOML, a comment above every key. `reasons` maps keys such as `model.layers` to why they are
    /// as they are.
    pub fn to_toml(&self, reasons: &[(String, String)]) -> String {
        let whole = toml::Table::try_from(self).expect("a recipe has only strings, numbers and tables");
        let mut text = String::new();
        for (table, keys) in TABLES {
            let values = if table.is_empty() { Some(&whole) } else { whole.get(*table).and_then(|v| v.as_table()) };
            let Some(values) = values.filter(|values| !values.is_empty()) else { continue };
            if !table.is_empty() {
                text += &format!("[{table}]\n");
            }
            for (key, help) in *keys {
                let Some(value) = values.get(*key).filter(|value| !value.is_table()) else { continue };
                let path = if table.is_empty() { (*key).to_owned() } else { format!("{table}.{key}") };
                text += &format!("# {}\n", help.trim());
                for (_, why) in reasons.iter().filter(|(about, _)| *about == path) {
                    text += &format!("# Why: {}\n", why.replace('\n', " "));
                }
                text += &format!("{key} = {value}\n");
            }
            text += "\n";
        }
        text
    }

    /// SHA-256 of everything that decides what is computed from given token shards: not names and paths, nor how
    /// often the run is looked at and saved, nor how much is computed at a time.
    pub fn sha256(&self) -> String {
        let bare = Recipe {
            precision: self.precision.clone(),
            seed: self.seed,
            model: self.model.clone(),
            batch: super::Batch { micro: None, ..self.batch.clone() },
            schedule: self.schedule.clone(),
            optimizer: self.optimizer.clone(),
            run: super::Run { export: self.run.export, ..super::Run::default() },
            ..Recipe::default()
        };
        let mut table = toml::Table::try_from(&bare).expect("a recipe has only strings, numbers and tables");
        // The hash of the data is that of the mixture too; recipes without one keep the names they had before there was any.
        table.remove("mixture");
        aquifer_record::sha256_hex(table.to_string().as_bytes())
    }
}
