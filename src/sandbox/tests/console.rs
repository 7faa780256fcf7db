//! The Console's pages, as a browser asks for them.

use super::*;

impl Stage {
    async fn page(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.sandbox.base_url());
        let response = self.client.get(url).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

#[tokio::test]
async fn a_person_completes_an_order_with_a_new_organization() {
    let stage = Stage::start(|_| {}).await;
    let staged = stage.order("SecureSite", &["example.com"]).await;
    let url = staged["completion_url"].as_str().unwrap();
    let post = async |body: &'static str| {
        let response = stage.client.post(url).body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, refused) = post("organization=&country_code=DE").await;
    assert_eq!(status, 400);
    assert!(refused.contains("Refused: organization is required"), "{refused}");
    let (status, done) = post(
        "organization=%3Cb%3EM%C3%BCller+%26+Co%3C%2Fb%3E&country_code=de&first_name=E&\
         last_name=M&address=Domplatz+1&postal_code=50667&city=K%C3%B6ln&phone=1&email=a%40b.example",
    )
    .await;
    assert_eq!(status, 200);
    assert!(done.contains("&lt;b&gt;Müller &amp; Co&lt;/b&gt;") && !done.contains("<b>Müller"));
    assert!(!done.contains("<form") && done.contains("Nothing is left to choose"));
    let completed = stage.ok("GET", &Stage::path(&staged), Value::Null).await;
    assert_eq!((&completed["id"], &completed["action_required"]), (&staged["id"], &json!(false)));
    assert_eq!(completed["organization"]["name"], "<b>Müller & Co</b>");
}

#[tokio::test]
async fn every_page_says_loudly_what_it_is_and_lists_what_is_there() {
    let stage = Stage::start(|_| {}).await;
    let staged = stage.order("SecureSite", &["example.com"]).await;
    let record =
        json!({ "type": "TXT", "name": "x.example.com", "data": "<script>alert(1)</script>" });
    stage.ok("POST", "/dns/rr", record).await;
    let completion = format!("/my/certs/{}/complete", staged["id"].as_str().unwrap());
    for (path, status, shows) in [
        ("/", 200, "ACTION_REQUIRED"),
        ("/my/certs", 200, staged["id"].as_str().unwrap()),
        (&completion, 200, "Example Holding AG (pending)"),
        ("/my/certs/NOPE/complete", 404, "certificate not found"),
        ("/my/organizations", 200, "hdl_7K9QW3M2ZT8HJ"),
        ("/my/zones", 200, "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("/my/requests", 200, "/tls/certificate"),
    ] {
        let (found, page) = stage.page(path).await;
        assert_eq!(found, status, "{path}");
        assert!(page.contains("this is not regfish, and NOT A REAL CA"), "{path}");
        assert!(page.contains(shows), "{path}: {page}");
        assert!(!page.contains("<script") && !page.contains("src="), "{path}");
    }
}

#[tokio::test]
async fn long_lists_have_pages() {
    let stage = Stage::start(|_| {}).await;
    for _ in 0..201 {
        stage.ok("GET", "/tls/products", Value::Null).await;
    }
    let (_, first) = stage.page("/my/requests").await;
    assert!(first.contains("201 in all; 1 to 200 shown."), "{first}");
    assert!(first.contains("<a href=\"/my/requests?page=1\">further</a>"), "{first}");
    // The look at the first page is a request, too.
    let (_, second) = stage.page("/my/requests?page=1").await;
    assert!(second.contains("202 in all; 201 to 202 shown."), "{second}");
    assert!(second.contains("page=0\">back</a>") && !second.contains(">further</a>"), "{second}");
    let (_, nowhere) = stage.page("/my/requests?page=99999999999999999999").await;
    assert!(nowhere.contains("1 to 200 shown."), "{nowhere}");
    let (_, few) = stage.page("/my/organizations?page=1").await;
    assert!(few.contains("2 in all.") && !few.contains(">back</a>"), "{few}");
}
