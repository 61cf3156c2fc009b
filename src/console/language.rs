//! The languages of the console. A text is written as `language.pick(english, chinese)`, with both languages side by
//! side: a missing translation does not compile.

/// A language that the console speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// All languages, in the order in which a page offers them.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// The text in this language.
    pub fn pick<T>(self, english: T, chinese: T) -> T {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }

    /// The BCP 47 tag, for the attribute `lang`.
    pub fn tag(self) -> &'static str {
        self.pick("en", "zh-Hans")
    }

    /// The language's own name.
    pub fn name(self) -> &'static str {
        self.pick("English", "简体中文")
    }
}
