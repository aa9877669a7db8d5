//! Expectations of the kinds of steps that find out facts.

use serde_saphyr::Spanned;

use super::{AnswersFile, ExpectFile, ProtocolFile, RcodeFile, TestFile, read_test};
use crate::config::diagnostics::Faults;
use crate::config::probe_steps::Names;
use crate::domain::step::{Expectation, Fact, StepAction, Template, Test};

/// Adds what the file, or the kind of step by itself, expects of facts.
pub(super) fn read_facts(
    file: &ExpectFile,
    action: &StepAction,
    names: &Names,
    faults: &mut Faults,
    expectations: &mut Vec<Expectation>,
) {
    let mut expect = |fact, test| expectations.push(Expectation::Fact { fact, test });
    if let Some(test) = usual(action, file) {
        expect(test.0, test.1);
    }
    let plain: [(Fact, Option<&Spanned<TestFile>>); 4] = [
        (Fact::DaysLeft, file.days_left.as_ref()),
        (Fact::AnswerCount, file.count.as_ref()),
        (Fact::Rows, file.rows.as_ref()),
        (Fact::Lost, file.lost.as_ref()),
    ];
    for (fact, test) in plain {
        if let Some(test) = test {
            expect(fact, read_test(test, names, faults));
        }
    }
    for (name, test) in &file.columns {
        expect(Fact::Column(name.clone()), read_test(test, names, faults));
    }
    if let Some(name) = &file.san {
        let template = names.template(&name.value, name.defined, faults);
        expect(Fact::San, Test::Equals(template));
    }
    if let Some(versions) = &file.protocol {
        let words = versions.value.iter().map(|version| match version {
            ProtocolFile::Tls12 => "TLSv1.2".to_owned(),
            ProtocolFile::Tls13 => "TLSv1.3".to_owned(),
        });
        expect(Fact::Protocol, Test::OneOf(words.collect()));
    }
    if let Some(rcode) = &file.rcode {
        expect(Fact::ResponseCode, Test::OneOf(vec![rcode_word(rcode.value).to_owned()]));
    }
    if let Some(codes) = &file.code {
        expect(Fact::ReplyCode, one_of_codes(&codes.value));
    }
    for word in file.capabilities.iter().flat_map(|words| &words.value) {
        // A capability may have parameters: "SIZE" is there in "SIZE 10240000".
        let word = regex::escape(word);
        if let Ok(regex) = regex::Regex::new(&format!("(?i)^{word}( |$)")) {
            expect(Fact::Capability, Test::Matches(regex));
        }
    }
    if let Some(answers) = &file.answers {
        read_answers(&answers.value, names, faults, expectations);
    }
}

/// What a kind of step must show unless the file says otherwise.
fn usual(action: &StepAction, file: &ExpectFile) -> Option<(Fact, Test)> {
    let one = |word: &str| Test::OneOf(vec![word.to_owned()]);
    match action {
        StepAction::Dns(_) if file.rcode.is_none() => Some((Fact::ResponseCode, one("NOERROR"))),
        StepAction::Smtp(_) if file.code.is_none() => Some((Fact::ReplyCode, one("250"))),
        StepAction::Icmp(_) if file.lost.is_none() => Some((Fact::Lost, Test::AtMost(0.0))),
        _ => None,
    }
}

fn one_of_codes(codes: &[u16]) -> Test {
    Test::OneOf(codes.iter().map(u16::to_string).collect())
}

fn rcode_word(rcode: RcodeFile) -> &'static str {
    match rcode {
        RcodeFile::NoError => "NOERROR",
        RcodeFile::FormErr => "FORMERR",
        RcodeFile::ServFail => "SERVFAIL",
        RcodeFile::NxDomain => "NXDOMAIN",
        RcodeFile::NotImp => "NOTIMP",
        RcodeFile::Refused => "REFUSED",
    }
}

fn read_answers(
    file: &AnswersFile,
    names: &Names,
    faults: &mut Faults,
    expectations: &mut Vec<Expectation>,
) {
    let mut template =
        |text: &Spanned<String>| -> Template { names.template(&text.value, text.defined, faults) };
    match file {
        AnswersFile::Equals(texts) => {
            expectations.push(Expectation::Answers(texts.iter().map(template).collect()));
        }
        AnswersFile::Contains(texts) => {
            expectations.extend(texts.iter().map(|text| Expectation::Fact {
                fact: Fact::Answer,
                test: Test::Equals(template(text)),
            }));
        }
        AnswersFile::Matches(text) => match regex::Regex::new(&text.value) {
            Ok(regex) => expectations
                .push(Expectation::Fact { fact: Fact::Answer, test: Test::Matches(regex) }),
            Err(_) => faults.at(text.defined, "not a regular expression: check its brackets"),
        },
    }
}
