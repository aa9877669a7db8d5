"""A synthetic case system of any size, as pages of its export on disk for nginx to hand out.

About 4 KiB of records a case: the case, its people and households, what is known and due. Names are
drawn as names are: a few common surnames, a long tail. Nobody here exists. The same number gives the
same rows. Imported by `run`.
"""
import json, pathlib, random

PAGE_ROWS = 1_000
COMMON = [("Smith", 0.012), ("Nguyen", 0.008), ("Williams", 0.007), ("Brown", 0.006), ("Jones", 0.006)]
OFFICES = ["noarlunga", "elizabeth", "port-augusta", "ceduna", "city"]
GIVEN = """Aroha Mere Tane Wiremu Jack Olivia Noah Charlotte Amelia Isla Mia Ava Grace Leo Henry Oliver Jarrah
Kirra Tjala Bindi Marlee Lowanna Jedda Koa Linh Minh Anh Thi Hoa Maria Jose Fatima Ali Mohammed Aisha Zara
Catherine Kathryn Kate Sean Shaun Siobhan Niamh Giorgia Luca Matteo Sofia Dimitri Eleni Raj Priya Arjun""".split()
SYLLABLES = "ka ma ra wi ta ngu ro be lin der sto war hol fen mar ton ley ber ash wick da vi son er ber gal".split()
WORDS = """visit school home mother father carer asked said seen bruise sleep food safe plan agreed review worker
called police hospital doctor grandmother aunt uncle court order contact supervised weekend transport bedroom
kitchen clean calm angry worried later morning evening tomorrow meeting support service referral housing
income drinking stopped started again children brother sister baby bottle feeding weight clinic nurse teacher
attendance late missing found returned message rang answered door window dog yard car fence neighbour heard
shouting quiet explained understood signed consent copy sent file waiting list assessment outcome risk moderate""".split()


class Synthetic:
    """Rows of `cases` cases, drawn from a fixed seed."""

    def __init__(self, cases):
        self.cases = cases
        self.draw = random.Random(20230301)
        self.surnames = self._surnames()
        self.totals = {}

    def _surnames(self):
        tail = set()
        while len(tail) < 20_000:
            tail.add("".join(self.draw.choices(SYLLABLES, k=self.draw.choice((2, 3, 3, 4)))).capitalize())
        names = [name for name, _ in COMMON] + sorted(tail)
        rest = 1 - sum(share for _, share in COMMON)
        zipf = [1 / (rank + 60) for rank in range(len(tail))]
        weights = [share for _, share in COMMON] + [rest * weight / sum(zipf) for weight in zipf]
        return self.draw.choices(names, weights, k=200_000)

    def surname(self):
        return self.draw.choice(self.surnames)

    def text(self, words):
        return " ".join(self.draw.choices(WORDS, k=words)).capitalize() + "."

    def day(self, first=2005, last=2023):
        return f"{self.draw.randint(first, last)}-{self.draw.randint(1, 12):02}-{self.draw.randint(1, 28):02}"

    def instant(self):
        return f"{self.day(2021, 2022)}T{self.draw.randint(0, 23):02}:{self.draw.randint(0, 59):02}:00Z"

    def rows(self, updated_at, only=None):
        """Yields (collection, row); of every case, or of those whose numbers are in `only`."""
        for number in range(4_000 if only is None else 0):
            yield "workers", self.worker(number)
        for number in range(self.cases) if only is None else only:
            yield from self.case(number, updated_at)

    def worker(self, number):
        return {"id": f"w-{number}", "name": f"{self.draw.choice(GIVEN)} {self.surname()}", "team": f"Team {number % 40}",
                "office": OFFICES[number % 5], "role": "case-worker", "supervisor_id": f"w-{number // 20}",
                "phone": "(08) 5550 0100", "left_on": None, "updated_at": "2023-02-01T00:00:00Z"}

    def case(self, number, updated_at):
        draw = self.draw
        case, home, family = f"C-{number}", f"H-{number}", self.surname()
        children = [f"P-{number}-{n}" for n in range(draw.choice((1, 1, 1, 2)))]
        adults = [f"P-{number}-a{n}" for n in range(draw.choice((1, 1, 2)))]
        stamp = {"updated_at": updated_at}
        yield "households", {"id": home, "phone": "(08) 5550 0199", "protected": False, "protected_from_ids": [],
            "protected_reason": None, "access": None, "sensitivity": "standard", **stamp,
            "address": {"street": f"{draw.randint(1, 300)} Synthetic Parade", "locality": draw.choice(self.surnames[:400]),
                        "state": "SA", "postcode": f"5{draw.randint(0, 999):03}"}}
        for person in children + adults:
            yield "persons", self.person(person, family, home, person in children, stamp)
        yield "cases", {"id": case, "title": f"{family} family", "status": "assessment", "voluntary": False,
            "opened_on": self.day(2021, 2022), "closed_on": None, "child_ids": children, "adult_ids": adults,
            "risk_level": draw.choice(("low", "moderate", "high")), "risk_assessed_on": self.day(2022, 2022),
            "accountable_agency": "Department (synthetic)", "case_management_agency": "Department (synthetic)",
            "contracted_tasks": [], "takes_back_if": None, "office": OFFICES[number % 5], "team": f"Team {number % 40}",
            "key_worker_id": f"w-{number % 4_000}", "supervisor_id": f"w-{number % 200}", "unallocated": False,
            "restricted_reason": None, "sensitivity": "restricted" if number % 50 == 7 else "standard", **stamp}
        yield "relationships", {"id": f"R-{number}", "person_id": adults[0], "other_id": children[0], "kind": "parent",
            "since_on": None, "ended_on": None, "contact_restricted": False, "restriction": None, **stamp}
        yield "notes", {"id": f"T-{number}", "case_id": case, "person_ids": children, "class": "casework",
            "kind": "home visit", "happened_at": self.instant(), "written_at": self.instant(), "author_id": f"w-{number % 4_000}",
            "author": "A worker (synthetic)", "text": self.text(110), "version": 1, "history": [], **stamp}
        if draw.random() < 0.5:
            yield "concern-reports", {"id": f"N-{number}", "child_ids": children, "case_id": case, **stamp,
                "concern_category": "neglect", "received_at": self.instant(), "screening": "tier2", "narrative": self.text(60),
                "response_due_at": self.instant(), "responded_at": None, "outcome": None, "reporter": None,
                "lodged_by_worker_id": None}
        if draw.random() < 0.3:
            yield "orders", {"id": f"O-{number}", "case_id": case, "child_ids": children, "kind": "supervision", **stamp,
                "court": "Youth Court", "file_number": f"YC-{number}", "made_on": self.day(2022, 2022),
                "expires_at": "2023-12-01T00:00:00Z", "conditions": [self.text(12)], "restrains_id": None,
                "protects_ids": children, "next_event": None, "sensitivity": "standard"}
        if draw.random() < 0.2:
            yield "safety-alerts", {"id": f"A-{number}", "kind": draw.choice(("violence", "dog", "weapons")), **stamp,
                "person_id": adults[0], "household_id": home, "case_id": case, "text": self.text(15),
                "raised_at": self.instant(), "raised_by": "A worker", "review_on": None, "sensitivity": "standard"}
        if draw.random() < 0.5:
            yield "tasks", {"id": f"K-{number}", "case_id": case, "child_ids": children, "concern_report_id": None,
                "kind": "visit", "title": "Visit at home", "clock_started_at": self.instant(), "assigned_to_id": None,
                "due_at": "2023-03-02T00:00:00Z", "done_at": None if number % 30 == 0 else self.instant(), **stamp}

    def person(self, person, family, home, child, stamp):
        given = self.draw.choice(GIVEN)
        return {"id": person, "given_names": f"{given} {self.draw.choice(GIVEN)}", "family_name": family,
            "preferred_name": None, "aliases": [{"name": f"{given} {self.surname()}", "kind": "known-as"}], "deceased_on": None,
            "born_on": self.day(2006, 2022) if child else self.day(1960, 2000), "born_on_estimated": False, "unborn": None,
            "sex": self.draw.choice(("female", "male")), "role": "child" if child else "adult", "disability": None,
            "language": "English", "interpreter": None, "household_id": home, "phone": "(08) 5550 0142", "email": None,
            "culture": dict.fromkeys(("identity", "said_by", "country", "language_group", "kin",
                                      "aboriginal_organisation", "iwi", "hapu", "whanau", "marae")),
            "last_sighted": {"at": self.instant(), "by": "A worker", "by_worker_id": None, "place": "home"} if child else None,
            "missing": None, "sensitivity": "standard", **stamp}


COLLECTIONS = ["workers", "households", "persons", "cases", "relationships", "concern-reports", "safety-alerts",
               "safety-plans", "orders", "hearings", "placements", "health", "contacts", "notes", "tasks", "transfers",
               "conflicts"]


def write(folder, rows, as_of):
    """Writes pages as `COLLECTION/p.json`, `p1.json`, …; answers how many rows and bytes there are."""
    folder = pathlib.Path(folder)
    pages = {name: Pages(folder / name, as_of) for name in COLLECTIONS}
    for collection, row in rows:
        pages[collection].add(row)
    for page in pages.values():
        page.close(last=True)
    return sum(page.rows for page in pages.values()), sum(page.bytes for page in pages.values())


class Pages:
    def __init__(self, folder, as_of):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("p*.json"):
            old.unlink()
        self.folder, self.as_of, self.number, self.lines, self.rows, self.bytes = folder, as_of, 0, [], 0, 0

    def add(self, row):
        if len(self.lines) == PAGE_ROWS:
            self.close(last=False)
        text = json.dumps(row, separators=(",", ":"))
        self.lines.append(text)
        self.rows += 1
        self.bytes += len(text)

    def close(self, last):
        following = "null" if last else f'"{self.number + 1}"'
        body = f'{{"records":[{",".join(self.lines)}],"next":{following},"as_of":"{self.as_of}"}}'
        (self.folder / f"p{self.number or ''}.json").write_text(body)
        self.number, self.lines = self.number + 1, []
