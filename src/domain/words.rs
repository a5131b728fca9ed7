//! Enumerations whose texts are in files, database and JSON for ever: one macro gives each its
//! texts, its parser and the list of its values. What people call it stands behind its name: a refusal says
//! so, for nobody outside knows the types.

/// A text that is none of the words of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no {what}{}", listed(.known))]
pub struct UnknownWord {
    what: &'static str,
    text: String,
    /// The words that there are.
    known: &'static [&'static str],
}

fn listed(known: &[&str]) -> String {
    match known {
        [] => String::new(),
        known => format!("; there are {}", known.join(", ")),
    }
}

impl UnknownWord {
    /// The error for `text`, which is no `what`: that is one of `known`.
    pub(crate) fn new(what: &'static str, text: &str, known: &'static [&'static str]) -> Self {
        Self {
            what,
            text: text.to_owned(),
            known,
        }
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $noun:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every value, in the order of the definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The text in files, database and JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::UnknownWord;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err($crate::domain::UnknownWord::new(
                        $noun,
                        text,
                        &[$($text,)*],
                    )),
                }
            }
        }
    )*};
}
pub(crate) use words;
