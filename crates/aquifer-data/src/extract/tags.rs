//! The elements that matter to extraction, and what is known of each.

/// An element by its name. Names that mean nothing here are [`Tag::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    /// Text, not an element.
    Text,
    Other,
    A,
    Abbr,
    Address,
    Annotation,
    Article,
    Aside,
    B,
    Blockquote,
    Body,
    Br,
    Button,
    Caption,
    Cite,
    Code,
    Dd,
    Del,
    Details,
    Div,
    Dl,
    Dt,
    Em,
    Fieldset,
    Figcaption,
    Figure,
    Footer,
    Form,
    H1,
    H2,
    H3,
    H4,
    H5,
    H6,
    Head,
    Header,
    Hr,
    Html,
    I,
    Iframe,
    Img,
    Input,
    Kbd,
    Label,
    Li,
    Link,
    Main,
    Math,
    Meta,
    Nav,
    Noscript,
    Ol,
    Option,
    P,
    Pre,
    Q,
    Rp,
    Rt,
    S,
    Samp,
    Script,
    Section,
    Select,
    Span,
    Strong,
    Style,
    Sub,
    Summary,
    Sup,
    Svg,
    Table,
    Tbody,
    Td,
    Template,
    Textarea,
    Tfoot,
    Th,
    Thead,
    Title,
    Tr,
    Tt,
    Ul,
}

use Tag::*;

impl Tag {
    /// By name, in lower case.
    pub(super) fn of(name: &[u8]) -> Tag {
        match name {
            b"a" => A,
            b"abbr" | b"acronym" => Abbr,
            b"address" => Address,
            b"annotation" => Annotation,
            b"article" => Article,
            b"aside" => Aside,
            b"b" => B,
            b"blockquote" => Blockquote,
            b"body" => Body,
            b"br" => Br,
            b"button" => Button,
            b"caption" => Caption,
            b"cite" => Cite,
            b"code" => Code,
            b"dd" => Dd,
            b"del" | b"strike" => Del,
            b"details" => Details,
            b"div" | b"center" | b"hgroup" | b"figure-group" => Div,
            b"dl" => Dl,
            b"dt" => Dt,
            b"em" => Em,
            b"fieldset" => Fieldset,
            b"figcaption" => Figcaption,
            b"figure" => Figure,
            b"footer" => Footer,
            b"form" => Form,
            b"h1" => H1,
            b"h2" => H2,
            b"h3" => H3,
            b"h4" => H4,
            b"h5" => H5,
            b"h6" => H6,
            b"head" => Head,
            b"header" => Header,
            b"hr" => Hr,
            b"html" => Html,
            b"i" => I,
            b"iframe" | b"object" | b"embed" | b"video" | b"audio" | b"canvas" | b"map" => Iframe,
            b"img" | b"area" | b"source" | b"track" | b"wbr" | b"col" | b"param" | b"base" => Img,
            b"input" => Input,
            b"kbd" => Kbd,
            b"label" => Label,
            b"li" => Li,
            b"link" => Link,
            b"main" => Main,
            b"math" => Math,
            b"meta" => Meta,
            b"nav" | b"menu" => Nav,
            b"noscript" => Noscript,
            b"ol" => Ol,
            b"option" | b"optgroup" | b"datalist" => Option,
            b"p" => P,
            b"pre" | b"listing" | b"xmp" => Pre,
            b"q" => Q,
            b"rp" => Rp,
            b"rt" => Rt,
            b"s" => S,
            b"samp" => Samp,
            b"script" => Script,
            b"section" => Section,
            b"select" => Select,
            b"span" | b"font" | b"u" | b"small" | b"big" | b"mark" | b"ins" | b"time" | b"bdi" | b"bdo" => Span,
            b"strong" => Strong,
            b"style" => Style,
            b"sub" => Sub,
            b"summary" => Summary,
            b"sup" => Sup,
            b"svg" => Svg,
            b"table" => Table,
            b"tbody" => Tbody,
            b"td" => Td,
            b"template" => Template,
            b"textarea" => Textarea,
            b"tfoot" => Tfoot,
            b"th" => Th,
            b"thead" => Thead,
            b"title" => Title,
            b"tr" => Tr,
            b"tt" => Tt,
            b"ul" | b"dir" => Ul,
            _ => Other,
        }
    }

    /// Has no contents, and no end tag.
    pub(super) fn is_void(self) -> bool {
        matches!(self, Br | Hr | Img | Input | Link | Meta)
    }

    /// Its contents are not markup.
    pub(super) fn is_raw(self) -> bool {
        matches!(self, Script | Style | Textarea | Title)
    }

    /// Begins on a new line, and ends one.
    pub(super) fn is_block(self) -> bool {
        self.heading().is_some()
            || matches!(
                self,
                Address
                    | Article
                    | Aside
                    | Blockquote
                    | Body
                    | Caption
                    | Dd
                    | Details
                    | Div
                    | Dl
                    | Dt
                    | Fieldset
                    | Figcaption
                    | Figure
                    | Footer
                    | Form
                    | Header
                    | Hr
                    | Html
                    | Li
                    | Main
                    | Nav
                    | Ol
                    | P
                    | Pre
                    | Section
                    | Summary
                    | Table
                    | Tbody
                    | Td
                    | Tfoot
                    | Th
                    | Thead
                    | Tr
                    | Ul
            )
    }

    /// 1 to 6 for a heading.
    pub(super) fn heading(self) -> std::option::Option<usize> {
        Some(match self {
            H1 => 1,
            H2 => 2,
            H3 => 3,
            H4 => 4,
            H5 => 5,
            H6 => 6,
            _ => return None,
        })
    }

    /// Shows nothing that belongs to a text.
    pub(super) fn is_no_text(self) -> bool {
        matches!(
            self,
            Button
                | Head
                | Iframe
                | Input
                | Link
                | Meta
                | Nav
                | Option
                | Rp
                | Rt
                | Script
                | Select
                | Style
                | Svg
                | Template
                | Textarea
                | Title
        )
    }
}
