//! How much a client likes something among others: the weights of `Accept` and `Accept-Encoding` (RFC 9110 §12.4.2).

/// The weight of what has none, and the greatest.
pub(crate) const WEIGHT_MAX: u16 = 1000;

/// Whether a parameter is a weight, and which, in thousandths. `Some(None)`: it breaks the grammar.
pub(crate) fn of_parameter(parameter: &[u8]) -> Option<Option<u16>> {
    match parameter {
        [b'q' | b'Q', b'=', digits @ ..] => Some(parse(digits)),
        _ => None,
    }
}

/// `qvalue`: up to three decimals between 0 and 1.
fn parse(digits: &[u8]) -> Option<u16> {
    let (whole, decimals) = match digits {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] => (whole, decimals),
        _ => return None,
    };
    if decimals.len() > 3 || !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let place = [100, 10, 1];
    let fraction: u16 =
        decimals.iter().zip(place).map(|(digit, place)| u16::from(digit - b'0') * place).sum();
    let weight = u16::from(whole - b'0') * WEIGHT_MAX + fraction;
    (weight <= WEIGHT_MAX).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_weight_in_thousandths_is_read() {
        for thousandths in 0..=1000 {
            let text = format!("q={:.3}", f64::from(thousandths) / 1000.0);
            assert_eq!(of_parameter(text.as_bytes()), Some(Some(thousandths)), "{text}");
        }
        for (text, expected) in [
            ("q=0", 0),
            ("q=0.", 0),
            ("q=1.", 1000),
            ("Q=1.0", 1000),
            ("q=0.5", 500),
            ("q=0.05", 50),
        ] {
            assert_eq!(of_parameter(text.as_bytes()), Some(Some(expected)), "{text}");
        }
    }

    #[test]
    fn what_breaks_the_grammar_is_a_weight_without_a_value() {
        for text in [
            "q=", "q=2", "q=1.1", "q=1.001", "q=1.0000", "q=0.0001", "q=.9", "q=-1", "q=+0.9",
            "q=1e0", "q= 0.9", "q=0.9x", "q=x", "q=\"1\"", "q=00", "q=0,5",
        ] {
            assert_eq!(of_parameter(text.as_bytes()), Some(None), "{text}");
        }
        for text in ["", "q", "=1", "level=1", "q ", "qq=1", " q=1"] {
            assert_eq!(of_parameter(text.as_bytes()), None, "{text}");
        }
    }
}
