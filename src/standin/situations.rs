//! Where the situations are that the demo and the tests must find.
//!
//! Ids are fixed whatever the seed. Names only; the records are made with the families.
//!
//! | situation | case | start from |
//! | --- | --- | --- |
//! | Newborn alert with earlier removals | [`NEWBORN_CASE`] | [`NEWBORN_MOTHER`] |
//! | Order expiring Friday 16:00 | [`EXPIRING_CASE`] | [`EXPIRING_CHILD`], [`EXPIRING_ORDER`] |
//! | Violent ex-partner and protected address | [`PROTECTED_CASE`] | [`PROTECTED_MOTHER`] |
//! | Kin placement at 02:00 | [`KIN_CASE`] | [`KIN_CHILD`], [`KIN_PLACEMENT`] |
//! | Worker related to the family | [`RELATED_CASE`] | [`RELATED_WORKER`] |
//! | Two children of the same name | [`NAMESAKE_CASES`] | [`NAMESAKES`] |
//! | A name with macrons, found by "ngati" | [`MACRON_CASE`] | [`MACRON_MOTHER`] |
//! | A name that people misspell | [`MISSPELT_CASE`] | [`MISSPELT_CHILD`] |

/// Tahlia Merrick, pregnant, three children removed before.
pub const NEWBORN_MOTHER: &str = "P-10001";
/// Her unborn child, due in nine days.
pub const NEWBORN_UNBORN: &str = "P-10002";
/// Cody, Skye and Ari Merrick, under guardianship.
pub const NEWBORN_REMOVED: [&str; 3] = ["P-10003", "P-10004", "P-10005"];
pub const NEWBORN_CASE: &str = "C-30001";

/// Mila Dragović, whose interim guardianship ends on the coming Friday at 16:00.
pub const EXPIRING_CHILD: &str = "P-10010";
pub const EXPIRING_MOTHER: &str = "P-10011";
pub const EXPIRING_ORDER: &str = "O-90001";
pub const EXPIRING_HEARING: &str = "G-95001";
pub const EXPIRING_CASE: &str = "C-30002";

/// Renée Whitcombe with Zoë and Finn, in a refuge whose address is restricted.
pub const PROTECTED_MOTHER: &str = "P-10020";
pub const PROTECTED_CHILDREN: [&str; 2] = ["P-10021", "P-10022"];
/// Craig Dunmore, violent, armed, restrained by an intervention order.
pub const PROTECTED_FROM: &str = "P-10023";
pub const PROTECTED_HOUSEHOLD: &str = "H-20003";
/// Where he lives: dog, visit with police.
pub const DANGEROUS_HOUSEHOLD: &str = "H-20004";
pub const PROTECTED_CASE: &str = "C-30003";

/// Jarrah Coleman, three years old, placed with his grandmother at 02:00.
pub const KIN_CHILD: &str = "P-10030";
/// Rosie Coleman, provisionally approved.
pub const KIN_CARER: &str = "P-10031";
pub const KIN_MOTHER: &str = "P-10032";
pub const KIN_PLACEMENT: &str = "L-45001";
pub const KIN_CASE: &str = "C-30004";

/// Levi Hartigan, whose father is the brother of [`RELATED_WORKER`].
pub const RELATED_CHILD: &str = "P-10040";
pub const RELATED_FATHER: &str = "P-10041";
/// Case worker at Noarlunga, in the very team of the case.
pub const RELATED_WORKER: &str = "w-noarlunga-07";
pub const RELATED_CONFLICT: &str = "F-99001";
pub const RELATED_CASE: &str = "C-30005";

/// Two boys called Jayden Thompson, born on 4 March and on 3 April of one year, at Noarlunga and
/// at Elizabeth.
pub const NAMESAKES: [&str; 2] = ["P-10050", "P-10051"];
pub const NAMESAKE_CASES: [&str; 2] = ["C-30006", "C-30007"];

/// Hine Ngāti-Moana and her son Tāne.
pub const MACRON_MOTHER: &str = "P-10060";
pub const MACRON_CHILD: &str = "P-10061";
pub const MACRON_CASE: &str = "C-30008";

/// Zofia Wojciechowski; people write Wojchehowski, Wojciehowski, Voytsekhovski.
pub const MISSPELT_CHILD: &str = "P-10070";
pub const MISSPELT_MOTHER: &str = "P-10071";
pub const MISSPELT_CASE: &str = "C-30009";

/// Persons that all situations together need.
pub const PEOPLE: usize = 24;
