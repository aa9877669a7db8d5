//! Draws one family: who lives together, who lives elsewhere, how they belong together.

use super::names::{COMMUNITIES, COUNTRIES, Community, IWI, misspelt};
use super::staff::{OFFICES, Office};
use super::{Draft, Family, FosterHome, forms};
use crate::standin::model::people::{
    Alias, AliasKind, Culture, Person, PersonRole, RelationshipKind, Sex,
};
use crate::standin::register::Kind;

/// What the members of a family share while it is drawn.
struct Home {
    id: String,
    community: &'static Community,
    surname: &'static str,
    culture: Culture,
}

/// Adds a family of at most `room` persons (one at least) and says who belongs to it.
pub(super) fn add_family(draft: &mut Draft, room: usize) -> Family {
    let office = drawn_office(draft);
    let home = add_home(draft, office);
    let fosters = draft.foster_homes.len() < 12 || draft.draw.chance(10);
    let mut left = room;
    let mut take = |wanted: usize| {
        let taken = wanted.min(left);
        left -= taken;
        taken
    };
    let parents = 1 + usize::from(draft.draw.chance(55));
    let children = [1, 1, 2, 2, 3, 3, 4, 5][draft.draw.below(8)];
    let separated = draft.draw.chance(22);
    let adults: Vec<Person> = (0..take(parents)).map(|n| add_adult(draft, &home, n)).collect();
    let children: Vec<Person> = match fosters {
        true => Vec::new(),
        false => (0..take(children)).map(|_| add_child(draft, &home)).collect(),
    };
    let elsewhere = (separated && !children.is_empty() && take(1) == 1)
        .then(|| add_parent_elsewhere(draft, office, &home));
    let family = Family { office, household_id: home.id, adults, children, elsewhere, fosters };
    relate(draft, &family);
    if fosters {
        draft.foster_homes.push(FosterHome {
            household_id: family.household_id.clone(),
            carer_ids: family.adults.iter().map(|adult| adult.id.clone()).collect(),
        });
    }
    family
}

fn drawn_office(draft: &mut Draft) -> &'static Office {
    let mut ticket = draft.draw.below(100);
    for office in &OFFICES {
        if ticket < office.families_percent {
            return office;
        }
        ticket -= office.families_percent;
    }
    &OFFICES[0]
}

fn add_home(draft: &mut Draft, office: &'static Office) -> Home {
    let community = drawn_community(draft);
    let id = add_address(draft, office);
    let culture = drawn_culture(draft, community);
    Home { id, community, surname: draft.draw.pick(community.surnames), culture }
}

fn drawn_community(draft: &mut Draft) -> &'static Community {
    let mut ticket = draft.draw.below(100);
    for community in &COMMUNITIES {
        if ticket < community.percent {
            return community;
        }
        ticket -= community.percent;
    }
    &COMMUNITIES[0]
}

fn add_address(draft: &mut Draft, office: &'static Office) -> String {
    const STREETS: [&str; 6] = [
        "Example Street",
        "Example Road",
        "Example Terrace",
        "Example Court",
        "Example Avenue",
        "North Example Street",
    ];
    const ACCESS: [&str; 4] = [
        "Gate sticks; side door is used.",
        "Unit at the back, park on the street.",
        "Second floor, no lift.",
        "No mobile coverage at the house.",
    ];
    let id = draft.register.next_id(Kind::Households);
    let draw = &mut draft.draw;
    let unit = if draw.chance(20) { format!("{}/", draw.between(1, 24)) } else { String::new() };
    let street = format!("{unit}{} {}", draw.between(1, 240), draw.pick(&STREETS));
    let place = office.localities[draw.below(office.localities.len())];
    let changed_at = draft.when.days(-draw.between(1, 900));
    let mut household = forms::household(&id, &street, place, changed_at);
    household.phone = draw.chance(40).then(|| forms::phone(draw));
    household.access = draw.chance(15).then(|| draw.pick(&ACCESS).to_owned());
    draft.register.households.put(household);
    id
}

fn drawn_culture(draft: &mut Draft, community: &Community) -> Culture {
    const SAID_BY: [&str; 4] =
        ["mother, at first visit", "grandmother, by telephone", "the child", "father, at court"];
    let draw = &mut draft.draw;
    let Some(identity) = community.identity else { return Culture::default() };
    let mut culture = Culture {
        identity: Some(identity.to_owned()),
        said_by: draw.chance(85).then(|| draw.pick(&SAID_BY).to_owned()),
        ..Culture::default()
    };
    match identity {
        "Aboriginal" => {
            let (country, language_group, organisation) = COUNTRIES[draw.below(COUNTRIES.len())];
            // Not every family has been asked yet.
            if draw.chance(80) {
                culture.country = Some(country.to_owned());
                culture.language_group = Some(language_group.to_owned());
                culture.kin = draw.chance(60).then(|| "Maternal grandmother first".to_owned());
            }
            culture.aboriginal_organisation = Some(organisation.to_owned());
        }
        "Māori" if draw.chance(75) => {
            let (iwi, hapu, marae) = IWI[draw.below(IWI.len())];
            culture.iwi = Some(iwi.to_owned());
            culture.hapu = draw.chance(60).then(|| hapu.to_owned());
            culture.marae = draw.chance(50).then(|| marae.to_owned());
            culture.whanau = draw.chance(50).then(|| "Aunt in Adelaide keeps contact".to_owned());
        }
        _ => {}
    }
    culture
}

/// A person of the family with name, sex and what the family shares.
fn drawn_member(draft: &mut Draft, home: &Home, sex: Sex) -> Person {
    let given = match sex {
        Sex::Female => draft.draw.pick(home.community.women),
        Sex::Male | Sex::Unspecified => draft.draw.pick(home.community.men),
    };
    let id = draft.register.next_id(Kind::Persons);
    let changed_at = draft.when.minutes(-draft.draw.between(60, 900 * 1440));
    let mut person = forms::person(&id, given, home.surname, changed_at);
    person.sex = sex;
    person.culture = home.culture.clone();
    person.household_id = Some(home.id.clone());
    person.born_on_estimated = draft.draw.chance(5);
    if draft.draw.chance(6) {
        person.aliases.push(Alias {
            name: format!("{given} {}", misspelt(home.surname)),
            kind: AliasKind::OtherSpelling,
        });
    }
    person
}

fn add_adult(draft: &mut Draft, home: &Home, position: usize) -> Person {
    let female = if position == 0 { draft.draw.chance(85) } else { draft.draw.chance(12) };
    let sex = if female { Sex::Female } else { Sex::Male };
    let mut adult = drawn_member(draft, home, sex);
    let draw = &mut draft.draw;
    adult.born_on = Some(draft.when.born(draw.between(19, 52), draw.between(0, 364)));
    adult.language = home.community.language.to_owned();
    adult.interpreter = draw
        .chance(home.community.interpreter_percent)
        .then(|| format!("{} interpreter, by telephone", home.community.language));
    adult.phone = draw.chance(80).then(|| forms::phone(draw));
    adult.email = draw.chance(30).then(|| format!("{}@mail.example", adult.id.to_lowercase()));
    adult.disability = draw.chance(7).then(|| "Intellectual disability, NDIS plan".to_owned());
    adult.deceased_on = draw.chance(1).then(|| draft.when.day(-draw.between(30, 900)));
    if position == 0 && draw.chance(12) {
        let former = draw.pick(home.community.surnames);
        adult.aliases.push(Alias {
            name: format!("{} {former}", adult.given_names),
            kind: AliasKind::FormerName,
        });
    }
    draft.register.persons.put(adult.clone());
    adult
}

fn add_child(draft: &mut Draft, home: &Home) -> Person {
    const DISABILITIES: [&str; 4] = [
        "Autism, level 2",
        "Hearing loss, wears aids",
        "Cerebral palsy, uses a wheelchair",
        "Developmental delay",
    ];
    let sex = if draft.draw.chance(49) { Sex::Female } else { Sex::Male };
    let mut child = drawn_member(draft, home, sex);
    let draw = &mut draft.draw;
    child.role = PersonRole::Child;
    child.born_on = Some(draft.when.born(draw.between(0, 16), draw.between(0, 364)));
    child.preferred_name =
        draw.chance(8).then(|| child.given_names.chars().take(3).collect::<String>());
    child.disability = draw.chance(9).then(|| draw.pick(&DISABILITIES).to_owned());
    draft.register.persons.put(child.clone());
    child
}

fn add_parent_elsewhere(draft: &mut Draft, office: &'static Office, home: &Home) -> Person {
    let other_home = Home {
        id: add_address(draft, office),
        community: home.community,
        surname: draft.draw.pick(home.community.surnames),
        culture: home.culture.clone(),
    };
    add_adult(draft, &other_home, 1)
}

fn relate(draft: &mut Draft, family: &Family) {
    for child in &family.children {
        for parent in family.adults.iter().chain(&family.elsewhere) {
            add_relationship(draft, (&parent.id, RelationshipKind::Parent, &child.id));
        }
    }
    for (position, child) in family.children.iter().enumerate() {
        for sibling in &family.children[position + 1..] {
            add_relationship(draft, (&child.id, RelationshipKind::Sibling, &sibling.id));
        }
    }
    if let [first, second] = family.adults.as_slice() {
        add_relationship(draft, (&first.id, RelationshipKind::Partner, &second.id));
    }
    if let (Some(first), Some(elsewhere)) = (family.adults.first(), &family.elsewhere) {
        add_relationship(draft, (&elsewhere.id, RelationshipKind::FormerPartner, &first.id));
    }
}

fn add_relationship(draft: &mut Draft, parts: (&str, RelationshipKind, &str)) {
    let id = draft.register.next_id(Kind::Relationships);
    let changed_at = draft.when.days(-draft.draw.between(1, 900));
    let mut relationship = forms::relationship(id, parts, changed_at);
    if parts.1 == RelationshipKind::FormerPartner {
        relationship.ended_on = Some(draft.when.day(-draft.draw.between(60, 1500)));
        if draft.draw.chance(35) {
            relationship.contact_restricted = true;
            relationship.restriction =
                Some("Intervention order: no contact, not within 100 m of the home".to_owned());
        }
    }
    draft.register.relationships.put(relationship);
}
