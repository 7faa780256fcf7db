//! `Style`: colours for terminals, or none.

use anstyle::{AnsiColor, Color, Style as Ansi};

/// Paints texts, when colours are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    colours: bool,
}

impl Style {
    /// With colours or without.
    pub fn new(colours: bool) -> Self {
        Self { colours }
    }

    /// Whether it paints at all.
    pub fn is_coloured(self) -> bool {
        self.colours
    }

    /// For what went well.
    pub fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green, text)
    }

    /// For what went wrong.
    pub fn bad(self, text: &str) -> String {
        self.paint(AnsiColor::Red, text)
    }

    /// For what waits.
    pub fn waiting(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow, text)
    }

    /// One of the terminal's sixteen colours, by its number.
    pub(super) fn indexed(self, colour: u8, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let style = Ansi::new().fg_color(Some(anstyle::Ansi256Color(colour).into()));
        format!("{style}{text}{style:#}")
    }

    /// For what is not known yet.
    pub(super) fn unknown(self, text: &str) -> String {
        self.paint(AnsiColor::Cyan, text)
    }

    /// For what matters less.
    pub fn faint(self, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let style = Ansi::new().dimmed();
        format!("{style}{text}{style:#}")
    }

    /// For what matters most.
    pub fn strong(self, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let style = Ansi::new().bold();
        format!("{style}{text}{style:#}")
    }

    fn paint(self, colour: AnsiColor, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let style = Ansi::new().fg_color(Some(Color::Ansi(colour)));
        format!("{style}{text}{style:#}")
    }
}
