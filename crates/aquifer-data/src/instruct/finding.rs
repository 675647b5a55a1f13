//! What can be wrong with a row, each under a name of its own.

use serde::Serialize;

/// Something wrong with a field of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The row, from 1: the line of a .jsonl file, the place in an array.
    pub row: usize,
    /// The field, such as `conversations[2].value`.
    pub field: String,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What exactly.
    pub why: String,
}

macro_rules! kinds {
    ($($name:ident $word:literal $error:literal $about:literal,)*) => {
        /// The kinds of findings.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        #[allow(missing_docs, reason = "each says in `about` what it is")]
        pub enum Kind { $($name,)* }

        impl Kind {
            /// All of them.
            pub const ALL: &[Kind] = &[$(Kind::$name,)*];

            /// Its name, such as `empty-turn`.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$name => $word,)* }
            }

            /// Whether a model should not learn from such a row as it is.
            pub fn is_error(self) -> bool {
                match self { $(Kind::$name => $error,)* }
            }

            /// What it means.
            pub fn about(self) -> &'static str {
                match self { $(Kind::$name => $about,)* }
            }
        }
    };
}

kinds! {
    NotJson "not-json" true "the row is no JSON object",
    UnknownFormat "unknown-format" true "its fields are those of no layout known here",
    MissingField "missing-field" true "a field that the layout needs is not there",
    WrongType "wrong-type" true "a field holds another kind of value than the layout says",
    UnknownRole "unknown-role" true "a turn is nobody's",
    NoTurns "no-turns" true "the conversation is empty",
    EmptyTurn "empty-turn" true "a turn says nothing and calls nothing",
    RoleOrder "role-order" true "a turn stands where it cannot: roles should alternate, from the person to the model",
    MissingAnswer "missing-answer" true "the conversation does not end with an answer",
    SamePair "same-pair" true "the preferred answer and the rejected one are equal",
    CallArguments "call-arguments" true "a tool is called with something that is no JSON object",
    CallWithoutResult "call-without-result" true "a call is followed by no result",
    ResultWithoutCall "result-without-call" true "a result follows no call, or answers another",
    UndeclaredTool "undeclared-tool" true "a tool is called that the row does not declare",
    OtherFormat "other-format" false "the row has another layout than most of the file",
    DuplicatePrompt "duplicate-prompt" false "the same was asked in an earlier row",
    DuplicateRow "duplicate-row" false "an earlier row asks and answers the same",
    TemplateMark "template-mark" false "a turn holds a mark of a chat template, such as <|im_start|>",
    EchoedPrompt "echoed-prompt" false "the answer only repeats what was asked",
}
