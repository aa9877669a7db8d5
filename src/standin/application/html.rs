//! The frame of every page, and the pages that stand outside a session.
//!
//! Looks like an old case system on purpose: it is not ours to make beautiful.

use askama::Template;

use super::super::system::System;
use super::sign_in::Session;

/// Puts a page's body into the frame.
pub(in crate::standin) fn page(title: &str, session: &Session, body: &impl Template) -> String {
    let system = session.system;
    render(&Frame { system, title, session: Some(session), body: &render(body) })
}

/// The sign-in form, with what went wrong the last time.
pub(super) fn sign_in(system: System, csrf: &str, error: Option<&str>) -> String {
    let body = render(&SignIn { csrf, error });
    render(&Frame { system, title: "Sign in", session: None, body: &body })
}

/// A page with one sentence.
pub(super) fn message(system: System, title: &str, text: &str) -> String {
    let body = render(&Message { title, text });
    render(&Frame { system, title, session: None, body: &body })
}

/// Rendering into a string fails only when a value cannot be displayed, and all of ours can.
fn render(template: &impl Template) -> String {
    template.render().unwrap_or_default()
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="{{ system.language() }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ title }} - {{ system.title() }}</title>
<style>
body { font: 14px Verdana, Arial, sans-serif; margin: 0; color: #222 }
header { background: #25506b; color: #fff; padding: 6px 12px }
header a { color: #fff; margin-right: 12px }
main { padding: 12px } footer { padding: 12px; color: #555; border-top: 1px solid #999 }
table { border-collapse: collapse } td, th { border: 1px solid #999; padding: 3px 8px }
th { background: #e4edf2; text-align: left } form.inline { display: inline }
label { display: block; margin: 8px 0 } article { border-left: 3px solid #25506b; padding: 0 8px }
</style>
</head>
<body>
<header><strong>{{ system.title() }}</strong>
{% if let Some(session) = session %}
<a href="/">Home</a><a href="/persons">Persons</a><a href="/court">Court</a>
<a href="/intake">Intake</a>
{% for (path, name) in system.pages() %}<a href="{{ path }}">{{ name }}</a>{% endfor %}
<span id="signed-in-as">{{ session.username }}</span>
<form class="inline" method="post" action="/sign-out">
<input type="hidden" name="csrf" value="{{ session.csrf }}"><button>Sign out</button></form>
{% endif %}
</header>
<main>
{{ body|safe }}
</main>
<footer id="synthetic">Stand-in for rehearsal. All data is synthetic: nobody here exists.</footer>
</body>
</html>
"#
)]
struct Frame<'a> {
    system: System,
    title: &'a str,
    session: Option<&'a Session>,
    /// Rendered by another template, so already escaped.
    body: &'a str,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Sign in</h1>
{% if let Some(error) = error %}<p id="error" role="alert">{{ error }}</p>{% endif %}
<form method="post" action="/sign-in">
<input type="hidden" name="csrf" value="{{ csrf }}">
<label>User name <input name="username" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button>Sign in</button>
</form>"#
)]
struct SignIn<'a> {
    csrf: &'a str,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(ext = "html", source = r#"<h1>{{ title }}</h1><p id="message">{{ text }}</p>"#)]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
}
