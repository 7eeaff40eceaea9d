//! Tables of words and figures, for a terminal and as Markdown.

use std::fmt::Write as _;

/// Three digits that matter, no more.
pub fn digits(figure: f64) -> String {
    match figure {
        figure if figure >= 100.0 => format!("{figure:.0}"),
        figure if figure >= 10.0 => format!("{figure:.1}"),
        figure => format!("{figure:.2}"),
    }
}

/// Rows and columns of words.
pub struct Grid {
    header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    /// No rows yet.
    pub fn new<'a>(header: impl IntoIterator<Item = &'a str>) -> Grid {
        Grid { header: header.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// The first column to the left, figures to the right.
    pub fn text(&self) -> String {
        let lines = || std::iter::once(&self.header).chain(&self.rows);
        let widths: Vec<usize> = (0..self.header.len())
            .map(|column| lines().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for line in lines() {
            for (column, (word, &width)) in line.iter().zip(&widths).enumerate() {
                let _ = if column == 0 {
                    write!(text, "{word:<width$}")
                } else {
                    write!(text, "  {word:>width$}")
                };
            }
            text.push('\n');
        }
        text
    }

    /// As a table in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "| {} |\n|---|{}\n",
            self.header.join(" | "),
            "---:|".repeat(self.header.len() - 1)
        );
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }
}
