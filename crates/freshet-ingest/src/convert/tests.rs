//! Money exact, and parameters of URLs decoded.

use super::*;

#[test]
fn money_is_exact_to_the_ten_thousandth() {
    let cases = [
        ("60.33", Some((603_300, true))),
        ("586.45", Some((5_864_500, true))),
        ("\"0.000\"", Some((0, true))),
        ("-1.5", Some((-15_000, true))),
        ("1e2", Some((1_000_000, true))),
        ("0.00005", Some((1, false))),
        ("-0.00005", Some((-1, false))),
        ("99999999999999.9999", Some((999_999_999_999_999_999, true))),
        ("100000000000000", None),
        ("\"12,5\"", None),
        ("\"\"", None),
    ];
    for (text, expected) in cases {
        assert_eq!(decimal(&Json::parse(text.as_bytes()).unwrap()), expected, "{text}");
    }
}

#[test]
fn a_querys_parameter_is_decoded() {
    let url = "/products/x?utm_source=news%20letter&utm_medium=e+mail#top";
    assert_eq!(query_parameter(url, "utm_source").as_deref(), Some("news letter"));
    assert_eq!(query_parameter(url, "utm_medium").as_deref(), Some("e mail"));
    assert_eq!(query_parameter(url, "utm_campaign"), None);
    assert_eq!(query_parameter("/x?a=%zz%4", "a").as_deref(), Some("%zz%4"));
}
