//! A card as plain text, for a terminal, a line printer or a fax.

use super::{Card, CardStep};

const WIDTH: usize = 80;
/// Where what is done begins; times stand before it.
const INDENT: usize = 14;

/// The whole card.
#[must_use]
pub fn text(card: &Card) -> String {
    let mut page = Page::default();
    page.line(&card.title.to_uppercase());
    page.line(&"=".repeat(card.title.chars().count()));
    page.paragraph(0, &card.about.join(" "));
    page.blank();
    card.starts.iter().for_each(|words| page.paragraph(0, words));
    page.blank();
    page.line("T0, the time it came into force: ____:____ on ______________");
    page.line("Started by ____________________ because ____________________");
    page.blank();
    card.steps.iter().for_each(|step| page.step(step));
    page.line("HOW IT ENDS");
    page.line("-----------");
    card.ends_when.iter().for_each(|words| page.paragraph(0, words));
    page.line("Stood down by ____________________ at ____:____");
    page.blank();
    card.ending.iter().chain(&card.afterwards).for_each(|step| page.step(step));
    page.line("WHOM TO RING");
    page.line("------------");
    for role in &card.people {
        page.paragraph(0, &format!("{}:", role.title));
        role.people.iter().for_each(|person| page.paragraph(2, person));
    }
    page.blank();
    page.paragraph(0, &format!("Printed by Holdfast from {}, {}.", card.id, card.made));
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn step(&mut self, step: &CardStep) {
        let when = format!("{:<INDENT$}", step.when);
        self.hanging(&when, &step.title);
        step.words.iter().for_each(|words| self.paragraph(INDENT, words));
        if let Some(say) = &step.say {
            self.paragraph(INDENT, &format!("\"{say}\""));
        }
        for item in &step.items {
            let must = if item.must { " (must)" } else { "" };
            let proof = item.proof.map(|what| format!("; {what}: ______")).unwrap_or_default();
            let tick = format!("{}[ ] ", " ".repeat(INDENT));
            self.hanging(&tick, &format!("{}{must}{proof}", item.text));
        }
        self.paragraph(INDENT, "[ ] done at ____:____ by ____________________");
        self.blank();
    }

    fn paragraph(&mut self, indent: usize, words: &str) {
        self.hanging(&" ".repeat(indent), words);
    }

    /// Words behind `first`, further lines as far in.
    fn hanging(&mut self, first: &str, words: &str) {
        let indent = " ".repeat(first.chars().count());
        let mut line = first.to_owned();
        let mut empty = true;
        for word in words.split_whitespace() {
            let space = usize::from(!empty);
            if !empty && line.chars().count() + space + word.chars().count() > WIDTH {
                self.line(&line);
                line = indent.clone();
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }
}
