//! The Jinja template of `tokenizer_config.json`, rendered the way `transformers` renders it: blocks trimmed, loop
//! controls, Python's string methods, `raise_exception`, `strftime_now` and a `tojson` that writes like `json.dumps`.

use super::{Clock, Message, json};
use crate::TextError;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value as Jinja, context};
use serde_json::{Map, Value};

const NAME: &str = "chat_template";

/// Instructions a rendering may take: a long conversation takes some tens of thousands, a loop that never ends is stopped
/// within a second.
const FUEL: u64 = 20_000_000;

/// A parsed chat template.
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate").field("source", &self.source).finish()
    }
}

impl ChatTemplate {
    /// Parses a template in which special tokens have the names and values of `special` (`bos_token`, …).
    ///
    /// # Errors
    /// [`TextError::Template`] with the line that does not parse.
    pub fn new(source: &str, special: &Map<String, Value>) -> Result<Self, TextError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(refused)?;
        environment.set_syntax(syntax);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", json::tojson);
        environment.add_function("raise_exception", |message: String| -> Result<Jinja, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        for (name, value) in special {
            environment.add_global(name.clone(), Jinja::from(Serde(value)));
        }
        // `transformers` marks assistant text with these; the mask here does not need them.
        let plain = ["{% generation %}", "{%- generation %}", "{% generation -%}", "{%- generation -%}"];
        let ends = ["{% endgeneration %}", "{%- endgeneration %}", "{% endgeneration -%}", "{%- endgeneration -%}"];
        let parsed = plain.iter().chain(&ends).fold(source.to_string(), |s, tag| {
            let (left, right) =
                (if tag.starts_with("{%-") { "-" } else { "" }, if tag.ends_with("-%}") { "-" } else { "" });
            s.replace(tag, &format!("{{%{left} if true %}}{{% endif {right}%}}"))
        });
        environment.add_template_owned(NAME, parsed).map_err(refused)?;
        Ok(ChatTemplate { environment, source: source.to_string() })
    }

    /// The `chat_template` of a `tokenizer_config.json`: a string, or a list of named ones of which `default` is
    /// taken. `None` when there is none.
    ///
    /// # Errors
    /// As [`ChatTemplate::new`].
    pub fn from_config(config: &Map<String, Value>) -> Result<Option<Self>, TextError> {
        let source = match config.get(NAME) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(source)) => source.as_str(),
            Some(Value::Array(named)) => {
                let default = named.iter().find(|t| t["name"] == "default").or(named.first());
                default.and_then(|t| t["template"].as_str()).ok_or_else(|| {
                    TextError::Template(
                        "the list in tokenizer_config.json has no entry with `name` and `template`".into(),
                    )
                })?
            }
            Some(other) => {
                return Err(TextError::Template(format!("it should be a string or a list, but it is {other}")));
            }
        };
        let text = |value: &Value| value.as_str().or_else(|| value.get("content")?.as_str()).map(Value::from);
        let special = config.iter().filter(|(key, _)| key.ends_with("_token"));
        let special = special.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect();
        Self::new(source, &special).map(Some)
    }

    /// Lets the template know the time. Without this `strftime_now` is not defined and templates fall back on the
    /// date written in them, so that the same messages give the same text on any day.
    pub fn set_clock(&mut self, clock: Clock) {
        self.environment.add_function("strftime_now", move |format: String| clock.format(&format));
    }

    /// The template as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text of a conversation; with `add_generation_prompt` it ends where the assistant is to speak.
    ///
    /// # Errors
    /// [`TextError::Template`] with what the template said (`raise_exception`) or what failed in it.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, TextError> {
        let template = self.environment.get_template(NAME).map_err(refused)?;
        let messages = Jinja::from(Serde(messages));
        template.render(context! { messages, add_generation_prompt }).map_err(refused)
    }
}

fn refused(error: Error) -> TextError {
    let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    TextError::Template(format!("{}{line}", error.detail().map_or_else(|| error.to_string(), str::to_string)))
}
