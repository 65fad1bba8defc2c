//! The page without JavaScript.

use super::world::{CHANGED, World, between, body, get, status};

/// A form as a browser sends it.
fn form(path: &str, cookie: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 192.168.1.1:8080\r\nOrigin: http://192.168.1.1:8080\r\nContent-Type: application/x-www-form-urlencoded\r\n\
Cookie: lanemark={cookie}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The page with these devices.
fn page(world: &mut World, cookie: &str, devices: &str) -> String {
    let place = world.visit();
    world.say(place, get("/plain", cookie).as_bytes());
    world.answers("{\"verb\":\"devices\"}\n", devices);
    let answer = world.text(place);
    assert_eq!(status(&answer), 200);
    assert!(answer.contains("Content-Type: text/html; charset=utf-8\r\n"));
    body(&answer).to_owned()
}

fn device(name: &str, class: &str) -> String {
    format!(
        r#"{{"name":"{name}","mac":"02:00:00:00:00:0a","addresses":["192.168.1.7"],"class":{class},"flows":3,"up_kbit":1,"down_kbit":2,"seen_s":1}}"#
    )
}

#[test]
fn one_logs_in_sees_the_devices_and_gives_one_a_class() {
    let mut world = World::new(64);
    let answer = world.ask(&get("/plain", ""));
    assert!(body(&answer).contains("action=/plain/login"), "{answer}");
    let place = world.visit();
    world.say(
        place,
        form("/plain/login", "", "password=secret+w%C3%B6rd").as_bytes(),
    );
    world.answers(
        "{\"verb\":\"login\",\"device\":\"192.168.1.5\"}\n\"secret wörd\"\n",
        CHANGED,
    );
    let answer = world.text(place);
    assert_eq!(status(&answer), 303);
    assert!(answer.contains("Location: /plain\r\n"));
    let cookie = between(&answer, "Set-Cookie: lanemark=", ";");
    let devices = format!("{{\"devices\":[{}]}}", device("tv", "\"bulk\""));
    let shown = page(&mut world, &cookie, &devices);
    assert!(
        shown.contains("<bdi>tv</bdi>") && shown.contains("<option selected>bulk"),
        "{shown}"
    );
    let token = between(&shown, "name=token value=", ">");
    let place = world.visit();
    let wish = format!("token={token}&device=02%3A00%3A00%3A00%3A00%3A0a&class=premium");
    world.say(place, form("/plain/set", &cookie, &wish).as_bytes());
    world.answers(
        "{\"verb\":\"set\",\"device\":\"02:00:00:00:00:0a\",\"class\":\"premium\"}\n",
        CHANGED,
    );
    assert_eq!(world.status(place), 303);
    // What was kept is not shown any more.
    page(&mut world, &cookie, &devices);
    world.say(
        place,
        form("/plain/set", &cookie, &wish.replace("premium", "")).as_bytes(),
    );
    world.answers(
        "{\"verb\":\"unset\",\"device\":\"02:00:00:00:00:0a\"}\n",
        CHANGED,
    );
    assert_eq!(world.status(place), 303);
}

#[test]
fn names_are_text_whatever_they_are() {
    let mut world = World::new(64);
    let (cookie, _) = world.log_in();
    for (name, shown) in [
        (
            "<img src=x onerror=alert(1)>",
            "&lt;img src=x onerror=alert(1)&gt;",
        ),
        (r"</script><script>", "&lt;/script&gt;&lt;script&gt;"),
        (
            r#"\" autofocus onfocus=alert(1) x=\""#,
            "&quot; autofocus onfocus=alert(1) x=&quot;",
        ),
        ("'&amp;", "&#39;&amp;amp;"),
        (r"a\u0000\u001b[31mb\n", "a\u{fffd}\u{fffd}[31mb\u{fffd}"),
        (r"\u202egpj.exe", "\u{202e}gpj.exe"),
    ] {
        world.pass(lanemark::web::KEPT_MAX);
        let page = page(
            &mut world,
            &cookie,
            &format!("{{\"devices\":[{}]}}", device(name, "null")),
        );
        assert!(page.contains(&format!("<bdi>{shown}</bdi>")), "{page}");
        assert!(
            !page.contains("<img") && !page.contains("<script") && !page.contains("\" autofocus")
        );
    }
}

#[test]
fn a_form_needs_its_token_and_our_origin() {
    let mut world = World::new(64);
    let (cookie, token) = world.log_in();
    let (other, _) = world.log_in();
    let good = form(
        "/plain/set",
        &cookie,
        &format!("token={token}&device=a&class=bulk"),
    );
    for (from, to, wanted) in [
        (
            "Origin: http://192.168.1.1:8080",
            "Origin: http://evil.example",
            403,
        ),
        ("Origin: http://192.168.1.1:8080", "Origin: null", 403),
        ("x-www-form-urlencoded", "json", 415),
        (&format!("token={}", &token[..8]), "token=00000000", 403),
        ("token=", "tokem=", 403),
        (cookie.as_str(), other.as_str(), 403),
        (cookie.as_str(), "", 401),
    ] {
        let answer = world.ask(&good.replace(from, to));
        assert_eq!(status(&answer), wanted, "{to}");
        assert_eq!(world.asked(), None, "{to}");
    }
}

#[test]
fn a_wrong_password_and_a_wish_that_fails_are_told_in_words() {
    let mut world = World::new(64);
    let place = world.visit();
    world.say(place, form("/plain/login", "", "password=x").as_bytes());
    let (link, _) = world.asked().unwrap();
    world.tell(
        link,
        b"{\"error\":{\"fault\":\"input\",\"message\":\"wrong <password>\"}}\n",
    );
    let answer = world.text(place);
    assert_eq!(status(&answer), 401);
    assert!(
        answer.contains("<p role=alert>wrong &lt;password&gt;"),
        "{answer}"
    );
    assert!(answer.contains("action=/plain/login"));
    world.configure(false, "");
    assert!(
        !world
            .ask(&get("/plain", ""))
            .contains("action=/plain/login")
    );
}
