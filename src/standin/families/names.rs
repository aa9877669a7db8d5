//! The names these countries really have, macrons and all, with language and how kin is told.
//!
//! Surnames of Aboriginal people here are English ones on purpose: a rarer one would point at a
//! real family. Pools only; nothing is drawn here.

/// Families who share names, language and what a worker should ask.
pub struct Community {
    /// How many of a hundred families.
    pub percent: usize,
    pub surnames: &'static [&'static str],
    pub women: &'static [&'static str],
    pub men: &'static [&'static str],
    /// As written under cultural identity; none where it goes unsaid.
    pub identity: Option<&'static str>,
    pub language: &'static str,
    /// Adults of a hundred who need an interpreter.
    pub interpreter_percent: usize,
}

pub static COMMUNITIES: [Community; 8] = [
    Community {
        percent: 42,
        surnames: &[
            "Smith",
            "Jones",
            "Williams",
            "Brown",
            "Wilson",
            "Taylor",
            "Thompson",
            "Walker",
            "White",
            "Martin",
            "Kelly",
            "O'Brien",
            "Murphy",
            "Campbell",
            "Mitchell",
            "Harris",
            "Clarke",
            "Hughes",
            "Edwards",
            "Fraser",
            "McKenzie",
            "Bennett",
            "Shaw",
            "Reid",
            "D'Arcy",
            "Fitzgerald",
            "Hall-Jones",
            "Schulz",
            "Zwar",
            "Pfeiffer",
        ],
        women: &[
            "Chloe",
            "Emily",
            "Jessica",
            "Kayla",
            "Lily",
            "Mia",
            "Olivia",
            "Ruby",
            "Sarah",
            "Tahlia",
            "Siobhán",
            "Zoë",
            "Renée",
            "Charlotte",
            "Ava",
            "Isla",
            "Georgia",
            "Bridget",
        ],
        men: &[
            "Jordan", "Lachlan", "Noah", "Oliver", "Cooper", "Thomas", "William", "Jack", "Bailey",
            "Tyson", "Seán", "Kyle", "Joshua", "Ethan", "Liam", "Xavier", "Darcy",
        ],
        identity: None,
        language: "English",
        interpreter_percent: 0,
    },
    Community {
        percent: 24,
        surnames: &[
            "Carter", "Cooper", "Stewart", "Williams", "Wilson", "Scott", "King", "Miller",
            "Turner", "Roberts", "Johnson", "Ward", "Young", "Baker", "Adams", "Collins",
        ],
        women: &[
            "Tarni", "Kirra", "Shanaya", "Jedda", "Tahnee", "Marlee", "Alinta", "Shania",
            "Jasmine", "Keira", "Latoya", "Rosie", "Daisy", "Yasmin", "Tilly",
        ],
        men: &[
            "Jarrah",
            "Koa",
            "Dylan",
            "Malakai",
            "Tyrell",
            "Bodhi",
            "Isaiah",
            "Elijah",
            "Marcus",
            "Zac",
            "Levi",
            "Jake",
            "Ezekiel",
            "Nathaniel",
            "Tyrone",
        ],
        identity: Some("Aboriginal"),
        language: "English",
        interpreter_percent: 6,
    },
    Community {
        percent: 7,
        surnames: &[
            "Ngātai", "Tāmati", "Hēnare", "Kōpua", "Pōtiki", "Māhina", "Wētere", "Rāwiri",
            "Te Awa", "Parāone", "Tūhoro", "Whaanga", "Pōmare",
        ],
        women: &[
            "Aroha",
            "Anahera",
            "Mere",
            "Hine",
            "Kahurangi",
            "Manaia",
            "Ngaio",
            "Marama",
            "Whetū",
            "Tāhia",
            "Rāhera",
        ],
        men: &[
            "Wiremu", "Hōne", "Rangi", "Tama", "Mikaere", "Nīkau", "Tāne", "Kāhu", "Hēmi", "Ihaka",
            "Tū",
        ],
        identity: Some("Māori"),
        language: "English",
        interpreter_percent: 0,
    },
    Community {
        percent: 6,
        surnames: &["Nguyễn", "Trần", "Lê", "Phạm", "Võ", "Đặng", "Bùi"],
        women: &["Lan", "Thị Hoa", "Mai", "Linh", "Phương", "Ngọc", "Thảo"],
        men: &["Minh", "Tuấn", "Hùng", "Văn Đức", "Quang", "Bảo", "Khôi"],
        identity: Some("Vietnamese"),
        language: "Vietnamese",
        interpreter_percent: 45,
    },
    Community {
        percent: 5,
        surnames: &["Deng", "Majok", "Akol", "Garang", "Kuol", "Ajak", "Mabior"],
        women: &["Achol", "Nyandeng", "Abuk", "Adut", "Ayen", "Nyibol"],
        men: &["Akec", "Bol", "Garang", "Deng", "Kuol", "Majak", "Chol"],
        identity: Some("South Sudanese"),
        language: "Dinka",
        interpreter_percent: 35,
    },
    Community {
        percent: 5,
        surnames: &["Rezaei", "Hosseini", "Mohammadi", "Ahmadi", "Haidari", "Jafari"],
        women: &["Zahra", "Fatima", "Maryam", "Zeinab", "Masuma", "Shukria"],
        men: &["Ali", "Hussain", "Mahdi", "Reza", "Qasim", "Mohammad"],
        identity: Some("Hazara"),
        language: "Hazaragi",
        interpreter_percent: 55,
    },
    Community {
        percent: 7,
        surnames: &[
            "Papadopoulos",
            "Rossi",
            "Kovačić",
            "Wiśniewski",
            "Nikolić",
            "Bianchi",
            "Galanis",
            "D'Angelo",
            "Jovanović",
            "Şahin",
        ],
        women: &["Elena", "Sofia", "Katarina", "Despina", "Zofia", "Giulia", "Ayşe"],
        men: &["Nikolaos", "Luca", "Marko", "Tomasz", "Dimitri", "Željko", "Emre"],
        identity: None,
        language: "English",
        interpreter_percent: 10,
    },
    Community {
        percent: 4,
        surnames: &["Singh", "Kaur", "Sharma", "Thapa", "Gurung", "Patel"],
        women: &["Simran", "Priya", "Anjali", "Sita", "Harpreet", "Asha"],
        men: &["Arjun", "Gurpreet", "Ravi", "Bishal", "Dev", "Sanjay"],
        identity: Some("Indian or Nepali"),
        language: "Punjabi",
        interpreter_percent: 25,
    },
];

/// Country, language group and the organisation to ask, for Aboriginal families.
pub static COUNTRIES: [(&str, &str, &str); 8] = [
    ("Kaurna", "Kaurna", "Example Aboriginal Family Service, Adelaide"),
    ("Ngarrindjeri", "Ngarrindjeri", "Example Aboriginal Family Service, Murray Bridge"),
    ("Adnyamathanha", "Adnyamathanha", "Example Aboriginal Family Service, Port Augusta"),
    ("Barngarla", "Barngarla", "Example Aboriginal Family Service, Whyalla"),
    ("Wirangu", "Wirangu", "Example Aboriginal Family Service, Ceduna"),
    ("Kokatha", "Kokatha", "Example Aboriginal Family Service, Ceduna"),
    ("Narungga", "Narungga", "Example Aboriginal Family Service, Yorke Peninsula"),
    ("Anangu", "Pitjantjatjara", "Example Aboriginal Family Service, APY Lands"),
];

/// Iwi, hapū and marae, for Māori families; invented marae.
pub static IWI: [(&str, &str, &str); 4] = [
    ("Ngāti Porou", "Te Whānau-a-Example", "Example Marae, Tairāwhiti"),
    ("Ngāpuhi", "Ngāti Example", "Example Marae, Te Tai Tokerau"),
    ("Waikato-Tainui", "Ngāti Example", "Example Marae, Waikato"),
    ("Ngāi Tahu", "Ngāi Example", "Example Marae, Te Waipounamu"),
];

/// What a name is also written as, as callers spell it.
pub fn misspelt(name: &str) -> String {
    const SWAPS: [(&str, &str); 8] = [
        ("ph", "f"),
        ("ck", "k"),
        ("ie", "ei"),
        ("ll", "l"),
        ("son", "sen"),
        ("ā", "aa"),
        ("ee", "ie"),
        ("y", "ie"),
    ];
    SWAPS
        .iter()
        .find(|(from, _)| name.contains(from))
        .map_or_else(|| format!("{name}e"), |(from, to)| name.replacen(from, to, 1))
}
