//! Where the scanner of paper traces stands, and how it says what it expected there. Apart from the scanner: these are its words.

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Start,
    Seek,
    FirstStep,
    Step,
    AfterStep,
    FirstKey,
    KeyQuote,
    Key,
    Colon,
    Value,
    Null,
    FirstRow,
    Row,
    AfterRow,
    FirstId,
    Id,
    Digits,
    AfterId,
    AfterValue,
    End,
}

pub(super) fn expected(state: State) -> &'static str {
    match state {
        State::Start => "[",
        State::Seek => "{",
        State::FirstStep => "a step ({) or ]",
        State::Step => "a step ({)",
        State::AfterStep => ", or ]",
        State::FirstKey => "a layer id in quotes or }",
        State::KeyQuote | State::Key => "a layer id in quotes",
        State::Colon => ":",
        State::Value | State::Null => "null or a list of rows",
        State::FirstRow => "a row ([) or ]",
        State::Row => "a row ([)",
        State::AfterRow | State::AfterId => ", or ]",
        State::FirstId | State::Id | State::Digits => "an expert id",
        State::AfterValue => ", or }",
        State::End => "nothing after the list",
    }
}

pub(super) fn found(byte: u8) -> String {
    match byte {
        0x20..=0x7e => format!("'{}'", char::from(byte)),
        0 => "a zero byte".into(),
        _ => format!("byte 0x{byte:02x}"),
    }
}
