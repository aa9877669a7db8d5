//! What the synthetic notes, reports and plans say.
//!
//! Pools of sentences; `{child}` and `{adult}` stand for given names.

pub const CONCERNS: [&str; 9] = [
    "Neglect",
    "Physical abuse",
    "Emotional abuse",
    "Domestic violence",
    "Parental substance use",
    "Inadequate supervision",
    "Medical neglect",
    "Homelessness",
    "School absence",
];

pub const NARRATIVES: [&str; 6] = [
    "Caller says {child} came without food again and fell asleep in class.",
    "Caller heard shouting through the wall last night; police had been there on Sunday.",
    "{child} told the caller that nobody was home for two nights.",
    "Bruise on {child}'s upper arm; {adult} said it was the trampoline.",
    "{adult} left the ward with {child} against advice, before the second dose.",
    "Caller is worried since {adult}'s new partner moved in; {child} no longer comes outside.",
];

/// Name, telephone and kind of source of people who report; capture must drop them.
pub const REPORTERS: [(&str, &str, &str); 6] = [
    ("Reporter Teacher-Synthetic", "(08) 5550 9001", "teacher"),
    ("Reporter Neighbour-Synthetic", "(08) 5550 9002", "neighbour"),
    ("Reporter Nurse-Synthetic", "(08) 5550 9003", "hospital"),
    ("Reporter Officer-Synthetic", "(08) 5550 9004", "police"),
    ("Reporter Grandmother-Synthetic", "(08) 5550 9005", "relative"),
    ("Reporter Doctor-Synthetic", "(08) 5550 9006", "general practitioner"),
];

pub const OUTCOMES: [&str; 5] = [
    "Substantiated, case opened",
    "Not substantiated",
    "Referred to family support",
    "No further action, recorded",
    "Unable to locate",
];

pub const NOTE_KINDS: [&str; 6] =
    ["Home visit", "Telephone call", "School visit", "Case conference", "Supervision", "E-mail"];

pub const NOTE_OPENINGS: [&str; 6] = [
    "Visited without notice. {adult} opened after a few minutes and let me in.",
    "Rang {adult}, who answered at the second try.",
    "Saw {child} alone at school for twenty minutes with the counsellor near.",
    "Met with school, health and the family support service.",
    "Discussed in supervision.",
    "Message from the service that visits weekly.",
];

pub const NOTE_MIDDLES: [&str; 8] = [
    "{child} was dressed for the weather and spoke about the new football boots.",
    "Food in the fridge and formula for three days; the bedroom window is still broken.",
    "{adult} says the appointment was missed because the bus did not come, and asks for a voucher.",
    "{child} did not want to talk about the weekend and looked at the door twice.",
    "No sign of anybody else living there; a man's work boots stood in the hall.",
    "Attendance is 71 % this term, up from 54 %.",
    "{adult} has been to three of four sessions and brought the certificate.",
    "The grandmother will have the children on Friday nights from now on.",
];

pub const NOTE_ENDINGS: [&str; 5] = [
    "Next visit within the week; {adult} knows the day.",
    "Asked team leader to look at the risk level again.",
    "To do: ring the school, check the referral, write to housing.",
    "No change to the safety plan.",
    "Told {adult} what happens if the plan is not kept.",
];

pub const CORRECTIONS: [&str; 3] = [
    "Wrong date in the first version",
    "Name of the school corrected",
    "Added what the child said, from handwritten notes",
];

pub const ALERTS_VIOLENCE: [&str; 3] = [
    "{adult} threatened a worker with a bar at the door.",
    "{adult} punched a wall during a visit and blocked the way out.",
    "Police attended for assault; {adult} is on bail.",
];

pub const ALERTS_DOG: [&str; 3] = [
    "Large dog loose in the yard; ring before entering.",
    "Two dogs, one has bitten a meter reader.",
    "Dog chained beside the front door, reaches the path.",
];

pub const PLAN_STEPS: [&str; 6] = [
    "{adult} rings the grandmother before drinking, and the children sleep there.",
    "Nobody under the influence is alone with {child}.",
    "The former partner does not come to the house or the school.",
    "The baby sleeps in the cot on the back, nobody else in the bed.",
    "School rings the key worker when {child} is absent for a day.",
    "Medicine and lighters are kept in the locked cupboard.",
];

pub const ORDER_CONDITIONS: [&str; 5] = [
    "{adult} is to take part in drug assessment as directed.",
    "Contact only as arranged and supervised by the department.",
    "{child} is not to be taken out of the State.",
    "{adult} is not to be at the placement address.",
    "Report to the court on progress before the next hearing.",
];

pub const FILINGS: [&str; 3] =
    ["Affidavit of the case worker", "Case plan", "Report on cultural support"];

pub const MEDICATION: [(&str, &str, &str); 6] = [
    ("Salbutamol", "2 puffs with spacer", "when short of breath"),
    ("Sodium valproate", "200 mg", "morning and evening"),
    ("Methylphenidate", "10 mg", "with breakfast"),
    ("Insulin", "as on the plan in the red folder", "before meals"),
    ("Melatonin", "2 mg", "at night"),
    ("Amoxicillin", "250 mg", "three times a day until finished"),
];

pub const ALLERGIES: [(&str, &str); 5] = [
    ("Peanut", "anaphylaxis; adrenaline pen in the school bag"),
    ("Penicillin", "rash"),
    ("Bee sting", "swelling of the face"),
    ("Egg", "hives"),
    ("Latex", "rash"),
];

pub const CONDITIONS: [&str; 6] =
    ["Asthma", "Epilepsy", "Type 1 diabetes", "ADHD", "Eczema", "Foetal alcohol spectrum disorder"];

pub const SCHOOLS: [&str; 4] = [
    "Example Primary School",
    "Example Area School",
    "Example High School",
    "Example Kindergarten",
];

pub const AGENCIES: [&str; 3] =
    ["Example Family Services", "Example Aboriginal Family Service", "Example Community Care"];

pub const SIGHTED_AT: [&str; 5] =
    ["at home", "at school", "at the office", "at the placement", "at the grandmother's"];

/// Puts given names in place of `{child}` and `{adult}`.
pub fn fill(text: &str, child: &str, adult: &str) -> String {
    text.replace("{child}", child).replace("{adult}", adult)
}
