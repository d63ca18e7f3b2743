//! In which form answers are shown.

/// The form of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people: boxed on a terminal, aligned and whole in a pipe.
    #[default]
    Table,
    /// The same with every column.
    Wide,
    /// What the API answered, unchanged.
    Json,
    /// The same, one element on a line.
    Jsonl,
    /// The same as YAML.
    Yaml,
    /// Every column, with a header, as RFC 4180 has it.
    Csv,
    /// Names only, one on a line.
    Name,
}

/// What an answer is made of: text of ours, or what the API said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    /// In one of its notations; [`Printer::json`](super::Printer::json) knows which.
    Json,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl Output {
    pub(crate) fn format(self) -> Format {
        match self {
            Self::Json | Self::Jsonl | Self::Yaml => Format::Json,
            Self::Table | Self::Wide | Self::Csv | Self::Name => Format::Table,
        }
    }

    /// Whether a person is meant to read it.
    pub(crate) fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }
}
