//! What is ordered comes back in a statement under the same name.

use iso20022::camt053::{Side, read};
use iso20022::pain001::takes_name;

use crate::statements::VERSION_02;

/// A statement of version 02 whose first payment has a name from end to end, and this beside it.
fn told(end_to_end_id: &str, beside: &str) -> String {
    let named = format!("<Refs><EndToEndId>{end_to_end_id}</EndToEndId>");
    let told = VERSION_02.replacen("<Refs>", &named, 1);
    assert!(told.contains("<RltdPties>"));
    told.replacen("<RltdPties>", &format!("{beside}<RltdPties>"), 1)
}

#[test]
fn an_order_is_found_in_the_statement_by_its_name() {
    let written = include_str!("payments.xml");
    let name = written.split_once("<EndToEndId>").unwrap().1.split_once('<').unwrap().0;
    let statement = read(told(name, "").as_bytes()).unwrap();
    let payment = &statement.entries[0].payments[0];
    assert_eq!(payment.end_to_end_id.as_deref(), Some(name));
    assert_eq!((payment.side, payment.return_reason.as_deref()), (Side::Credit, None));
}

#[test]
fn a_payment_that_came_back_says_why() {
    for (beside, why) in [
        ("<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>", Some("AC04")),
        ("<RtrInf><Rsn><Prtry>closed</Prtry></Rsn></RtrInf>", Some("closed")),
        ("<RtrInf></RtrInf>", None),
    ] {
        let statement = read(told("W-1", beside).as_bytes()).unwrap();
        assert_eq!(statement.entries[0].payments[0].return_reason.as_deref(), why, "{beside}");
    }
}

#[test]
fn a_name_is_one_that_an_order_can_have() {
    for (name, fits) in
        [("Möller & Söhne", true), ("", false), (" ", false), ("a\nb", false), ("a\u{fffe}", false)]
    {
        assert_eq!(takes_name(name), fits, "{name:?}");
    }
    assert!(takes_name(&"é".repeat(70)) && !takes_name(&"é".repeat(71)));
}
