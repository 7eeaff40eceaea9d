//! The page of a redirect, and text in pages.

/// The page of a redirect, for clients that do not follow it.
pub(crate) fn page(title: &str, sentence: &str, location: &[u8]) -> String {
    let link = escape_html(&String::from_utf8_lossy(location));
    format!(
        "<!DOCTYPE html>\n<title>{title}</title>\n<p>{sentence} <a href=\"{link}\">{link}</a>.\n"
    )
}

/// Escapes text for HTML, including attribute values.
pub(crate) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_escaped() {
        assert_eq!(escape_html(r#"a"<b>'&"#), "a&quot;&lt;b&gt;&#39;&amp;");
    }
}
