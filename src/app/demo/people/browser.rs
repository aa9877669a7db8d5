//! A person's browser without a window: pages, forms and cookies, as far as a person needs them.
//!
//! It runs no script, which Holdfast's pages need none of.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, redirect};
use scraper::{ElementRef, Html, Selector};

/// More in a row is a loop.
const REDIRECTS_AT_MOST: usize = 5;

/// Cookies and the page that is open.
pub struct Browser {
    client: Client,
    origin: String,
    cookies: BTreeMap<String, String>,
    page: String,
}

impl Browser {
    /// # Errors
    /// When no client can be made.
    pub fn new(origin: &str) -> anyhow::Result<Self> {
        let client = Client::builder().redirect(redirect::Policy::none()).build()?;
        let (origin, cookies, page) = (origin.to_owned(), BTreeMap::new(), String::new());
        Ok(Self { client, origin, cookies, page })
    }

    /// Opens a page of the origin: a path, or an address that begins with it.
    ///
    /// # Errors
    /// When there is no answer, or not a page.
    pub async fn open(&mut self, address: &str) -> anyhow::Result<()> {
        let path = address.strip_prefix(&self.origin).unwrap_or(address).to_owned();
        self.follow(self.client.get(format!("{}{path}", self.origin))).await
    }

    /// Fills in the first form that `selector` finds and sends it. Fields that are not named keep
    /// what the page put in.
    ///
    /// # Errors
    /// When there is no such form, or no page in answer.
    pub async fn submit(&mut self, selector: &str, fields: &[(&str, &str)]) -> anyhow::Result<()> {
        let form = Form::find(&self.page, selector)
            .with_context(|| format!("the page has no form '{selector}'"))?;
        let mut values = form.values;
        for (name, value) in fields {
            values.insert((*name).to_owned(), (*value).to_owned());
        }
        let url = format!("{}{}", self.origin, form.action);
        let request = self.client.post(url).header("origin", &self.origin).form(&values);
        self.follow(request).await
    }

    /// The text of the first element that `selector` finds.
    pub fn text(&self, selector: &str) -> Option<String> {
        let page = Html::parse_document(&self.page);
        let found = page.select(&Selector::parse(selector).ok()?).next()?;
        let words: Vec<_> = found.text().flat_map(str::split_whitespace).collect();
        Some(words.join(" "))
    }

    /// Where the first link leads that `selector` finds.
    pub fn link(&self, selector: &str) -> Option<String> {
        let page = Html::parse_document(&self.page);
        let found = page.select(&Selector::parse(selector).ok()?).next()?;
        found.attr("href").map(str::to_owned)
    }

    async fn follow(&mut self, request: RequestBuilder) -> anyhow::Result<()> {
        let mut answer = self.send(request).await?;
        for _ in 0..REDIRECTS_AT_MOST {
            let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let Some(to) = to.map(str::to_owned) else {
                let status = answer.status();
                self.page = answer.text().await?;
                if !status.is_success() {
                    bail!("{status}: {}", self.text("h1").unwrap_or_default());
                }
                return Ok(());
            };
            answer = self.send(self.client.get(format!("{}{to}", self.origin))).await?;
        }
        bail!("redirected more than {REDIRECTS_AT_MOST} times")
    }

    /// The service's cookies are for TLS or loopback: a client's own jar knows only the former.
    async fn send(&mut self, request: RequestBuilder) -> anyhow::Result<Response> {
        let pairs: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header(COOKIE, pairs.join("; ")).send().await?;
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().ok().and_then(|text| text.split(';').next());
            if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.trim().to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}

/// A form with what the page put into it.
struct Form {
    action: String,
    values: BTreeMap<String, String>,
}

impl Form {
    fn find(page: &str, selector: &str) -> Option<Self> {
        let page = Html::parse_document(page);
        let form = page.select(&Selector::parse(selector).ok()?).next()?;
        let fields = Selector::parse("input[name], select[name]").ok()?;
        let values = form.select(&fields).filter_map(value_of).collect();
        Some(Self { action: form.attr("action")?.to_owned(), values })
    }
}

fn value_of(field: ElementRef) -> Option<(String, String)> {
    let name = field.attr("name")?.to_owned();
    if field.value().name() == "select" {
        let chosen = Selector::parse("option[selected]").ok()?;
        let any = Selector::parse("option").ok()?;
        let option = field.select(&chosen).next().or_else(|| field.select(&any).next())?;
        return Some((name, option.attr("value")?.to_owned()));
    }
    let ticked = field.attr("type") != Some("checkbox") || field.attr("checked").is_some();
    ticked.then(|| (name, field.attr("value").unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_keeps_what_the_page_put_in() {
        let page = "<form action=/report><input type=hidden name=id value=7>\
            <select name=office><option value=a><option value=b selected></select>\
            <input type=checkbox name=only value=1><input name=words></form>";
        let form = Form::find(page, "form").unwrap();
        assert_eq!(form.action, "/report");
        let values: Vec<_> = form.values.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(values, ["id=7", "office=b", "words="]);
    }
}
