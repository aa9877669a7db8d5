//! A person at a browser without script: the forms they fill in and the pages they are sent.

use holdfast::clock::Clock;
use reqwest::{Client, RequestBuilder, redirect};

use super::copy::{PASSPHRASE, totp};

/// What came back.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    /// Where it leads, when it leads elsewhere.
    pub location: String,
    pub text: String,
}

impl Page {
    /// The page when it is as asked for, and a stop with the page when it is not.
    #[track_caller]
    pub fn expect(self, status: u16, words: &[&str]) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        for words in words {
            assert!(self.text.contains(words), "'{words}' is not in\n{}", self.text);
        }
        self
    }

    #[track_caller]
    pub fn without(self, words: &[&str]) -> Self {
        for words in words {
            assert!(!self.text.contains(words), "'{words}' is in\n{}", self.text);
        }
        self
    }

    /// Where each of these words begins, to compare their order.
    #[track_caller]
    pub fn places(&self, words: &[&str]) -> Vec<usize> {
        let place = |words: &&str| {
            let found = self.text.find(words);
            found.unwrap_or_else(|| panic!("'{words}' is not in\n{}", self.text))
        };
        words.iter().map(place).collect()
    }

    fn form_code(&self) -> &str {
        let (_, rest) = self.text.split_once("name=\"form_code\" value=\"").unwrap();
        rest.split_once('"').unwrap().0
    }
}

/// Somebody signed in; the cookie is theirs.
pub struct Reader {
    client: Client,
    url: String,
    cookie: String,
    /// Where signing in led.
    pub home: String,
}

fn client() -> Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder().redirect(redirect::Policy::none()).build().unwrap()
}

async fn page(request: RequestBuilder) -> Page {
    let response = request.send().await.unwrap();
    let location = response.headers().get("location").map(|value| value.to_str().unwrap());
    Page {
        status: response.status().as_u16(),
        location: location.unwrap_or_default().to_owned(),
        text: response.text().await.unwrap(),
    }
}

impl Reader {
    /// Signs in by the form, with the code of this minute.
    ///
    /// # Errors
    /// The page that says no.
    pub async fn sign_in(url: &str, person: &str, clock: &Clock) -> Result<Self, Page> {
        let client = client();
        let code = totp().code_at(clock.now());
        let form = [("name", person), ("passphrase", PASSPHRASE), ("code", &code), ("next", "")];
        let request = client.post(format!("{url}/sign-in")).form(&form);
        let response = request.send().await.unwrap();
        if response.status() != 303 {
            let status = response.status().as_u16();
            let text = response.text().await.unwrap();
            return Err(Page { status, location: String::new(), text });
        }
        let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        for bound in ["__Host-", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
            assert!(cookie.contains(bound), "{cookie}");
        }
        let home = response.headers()["location"].to_str().unwrap().to_owned();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Ok(Self { client, url: url.to_owned(), cookie, home })
    }

    pub async fn get(&self, path: &str) -> Page {
        let request = self.client.get(format!("{}{path}", self.url));
        page(request.header("cookie", &self.cookie)).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Page {
        let request = self.client.post(format!("{}{path}", self.url)).form(form);
        page(request.header("cookie", &self.cookie)).await
    }

    /// A form of this reader's, sent from another site's page.
    pub async fn post_from_elsewhere(&self, path: &str, form: &[(&str, &str)]) -> Page {
        let request = self.client.post(format!("{}{path}", self.url)).form(form);
        let request = request.header("origin", "https://elsewhere.example");
        page(request.header("cookie", &self.cookie)).await
    }

    /// Fills in the one box of the find page.
    pub async fn find(&self, text: &str) -> Page {
        let form = self.get("/portal").await.expect(200, &["Find a person"]);
        self.post("/portal/find", &[("form_code", form.form_code()), ("text", text)]).await
    }

    /// States a reason on the page that says a record is closed.
    pub async fn state_reason(&self, closed: &Page, path: &str, code: &str, back: &str) -> Page {
        let words = "A synthetic reason, in words enough.";
        let form =
            [("form_code", closed.form_code()), ("code", code), ("words", words), ("back", back)];
        self.post(path, &form).await
    }
}

/// What anybody on the staff network is shown.
pub async fn anybody(url: &str) -> Page {
    page(client().get(url)).await
}
