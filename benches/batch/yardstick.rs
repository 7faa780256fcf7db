//! The yardstick: the same requests, keys, files and journal lines, in a loop written by hand.
//!
//! It knows this one recipe and nothing else: no plan, no resumption, no look before it repeats.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use certplan::files::{Access, CertificateSet, FileMode, SetFile};
use certplan::pki::{Chain, Expectation, KeyType, PrivateKey, create_csr, prove};
use certplan::sandbox::SandboxOptions;
use certplan::types::{DomainName, Timestamp};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::EVERY;

struct World {
    client: reqwest::Client,
    url: String,
    key: String,
    journal: mpsc::Sender<(String, Value, oneshot::Sender<()>)>,
    slots: Semaphore,
    list: watch::Receiver<Arc<HashMap<String, Value>>>,
    folder: PathBuf,
}

/// Drives so many targets; how many got their certificate.
pub(crate) async fn run(plan: &str, targets: usize, url: &str, folder: &Path) -> usize {
    let (journal, lines) = mpsc::channel();
    let file = folder.join("journal.db");
    let writer = thread::spawn(move || write(&file, &lines));
    let (news, list) = watch::channel(Arc::new(HashMap::new()));
    let world = Arc::new(World {
        client: reqwest::Client::new(),
        url: url.to_owned(),
        key: SandboxOptions::standalone().api_key.reveal().to_owned(),
        journal,
        slots: Semaphore::new(50),
        list,
        folder: folder.to_owned(),
    });
    let staged = plan == "ov-staged";
    let products = world.get("/tls/products").await;
    let wanted = if staged { "SecureSite" } else { "RapidSSL" };
    let sku = products.as_array().unwrap().iter().find(|product| product["sku"] == wanted);
    let sku = sku.unwrap()["sku"].as_str().unwrap().to_owned();
    let organization = if staged {
        let organizations = world.get("/tls/organization").await;
        let usable = organizations.as_array().unwrap().iter().find(|organization| {
            organization["organization"] == "Example GmbH"
                && organization["usable_for_ordering"] == true
        });
        Some(usable.unwrap()["id"].as_str().unwrap().to_owned())
    } else {
        None
    };
    world.get("/tls/certificate").await;
    let lister = Arc::clone(&world);
    let listing = tokio::spawn(async move {
        loop {
            tokio::time::sleep(EVERY).await;
            let list = lister.get("/tls/certificate").await;
            let Value::Array(list) = list else { continue };
            let by_id = list
                .into_iter()
                .filter_map(|entry| Some((entry["id"].as_str()?.to_owned(), entry)));
            news.send_replace(Arc::new(by_id.collect()));
        }
    });
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..targets {
        let (world, sku) = (Arc::clone(&world), sku.clone());
        let organization = organization.clone();
        tasks.spawn(async move { world.target(number, &sku, organization.as_deref()).await });
    }
    let issued = tasks.join_all().await.into_iter().filter(|issued| *issued).count();
    listing.abort();
    let _ = listing.await;
    drop(world);
    writer.join().unwrap();
    issued
}

impl World {
    async fn target(&self, number: usize, sku: &str, organization: Option<&str>) -> bool {
        let name = format!("www.site{number}.example");
        let domain = DomainName::parse(&name).unwrap();
        self.note(&name, json!({ "step": "started" })).await;
        let (key, csr) = {
            let _slot = self.slots.acquire().await.unwrap();
            let (folder, domain) = (self.folder.join("keys").join(&name), domain.clone());
            let make = move || make_key(&folder, &domain);
            tokio::task::spawn_blocking(make).await.unwrap()
        };
        self.note(&name, json!({ "step": "key" })).await;
        let body = json!({
            "sku": sku, "common_name": name, "csr": csr, "dcv_method": "dns-cname-token",
            "validity_days": 199,
        });
        self.note(&name, json!({ "intent": body })).await;
        let order = self.post("/tls/certificate", &body).await;
        let id = order["id"].as_str().unwrap().to_owned();
        self.note(&name, json!({ "ordered": id })).await;
        if let Some(organization) = organization {
            let path = format!("/tls/certificate/{id}/complete");
            self.post(&path, &json!({ "org_id": organization })).await;
            self.note(&name, json!({ "step": "completed" })).await;
        }
        self.wait(&id, |entry| {
            entry["validation"]["dns_records"].as_array().is_some_and(|records| !records.is_empty())
        })
        .await;
        let certificate = self.get(&format!("/tls/certificate/{id}")).await;
        let record = &certificate["validation"]["dns_records"][0];
        self.note(&name, json!({ "record": record })).await;
        let body = json!({
            "type": record["type"], "name": record["name"], "data": record["value"], "ttl": 300,
            "annotation": "yardstick",
        });
        self.post("/dns/rr", &body).await;
        self.note(&name, json!({ "step": "put" })).await;
        self.wait(&id, |entry| {
            entry["status"] == "issued" && entry["certificate_pem_available"] == true
        })
        .await;
        self.note(&name, json!({ "step": "issued" })).await;
        let pem = {
            let _slot = self.slots.acquire().await.unwrap();
            let url = format!("{}/tls/certificate/{id}/download/pem", self.url);
            let request = self.client.get(url).header("x-api-key", &self.key);
            request.send().await.unwrap().bytes().await.unwrap()
        };
        let folder = self.folder.join("certs").join(&name);
        let install = move || install(&folder, &pem, &key, &domain);
        tokio::task::spawn_blocking(install).await.unwrap();
        self.note(&name, json!({ "step": "done" })).await;
        true
    }

    async fn wait(&self, id: &str, ready: impl Fn(&Value) -> bool) {
        let mut list = self.list.clone();
        list.wait_for(|list| list.get(id).is_some_and(&ready)).await.unwrap();
    }

    async fn get(&self, path: &str) -> Value {
        let _slot = self.slots.acquire().await.unwrap();
        let request = self.client.get(format!("{}{path}", self.url));
        self.answer(request).await
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let _slot = self.slots.acquire().await.unwrap();
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        self.answer(request).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Value {
        let answer = request.header("x-api-key", &self.key).send().await.unwrap();
        let mut body: Value = answer.json().await.unwrap();
        assert_eq!(body["success"], true, "{body}");
        body["response"].take()
    }

    async fn note(&self, name: &str, line: Value) {
        let (reply, written) = oneshot::channel();
        self.journal.send((name.to_owned(), line, reply)).unwrap();
        written.await.unwrap();
    }
}

/// The journal: one thread, whatever waits in one transaction.
fn write(file: &Path, lines: &mpsc::Receiver<(String, Value, oneshot::Sender<()>)>) {
    let mut connection = Connection::open(file).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE lines (number INTEGER PRIMARY KEY, name TEXT, line TEXT);",
        )
        .unwrap();
    while let Ok(first) = lines.recv() {
        let mut group = vec![first];
        group.extend(std::iter::from_fn(|| lines.try_recv().ok()).take(255));
        let transaction = connection.transaction().unwrap();
        for (name, line, _) in &group {
            transaction
                .prepare_cached("INSERT INTO lines (name, line) VALUES (?1, ?2)")
                .unwrap()
                .execute(params![name, line.to_string()])
                .unwrap();
        }
        transaction.commit().unwrap();
        for (_, _, reply) in group {
            let _ = reply.send(());
        }
    }
}

/// Made by the same hands as the program's, so that only what is around them differs.
fn make_key(folder: &Path, name: &DomainName) -> (Arc<Mutex<PrivateKey>>, String) {
    let key = PrivateKey::generate(KeyType::parse("ec-p256").unwrap()).unwrap();
    let request = create_csr(&key, name, &[]).unwrap();
    certplan::files::create_private_directory(folder).unwrap();
    let private = FileMode::Private;
    certplan::files::write_new(&folder.join("key.pem"), key.to_pem().as_bytes(), private).unwrap();
    let csr = request.pem().to_owned();
    certplan::files::write_new(&folder.join("csr.pem"), csr.as_bytes(), private).unwrap();
    (Arc::new(Mutex::new(key)), csr)
}

fn install(folder: &Path, pem: &[u8], key: &Mutex<PrivateKey>, name: &DomainName) {
    let key = key.lock().unwrap();
    let chain = Chain::from_pem(pem).unwrap();
    let names = std::slice::from_ref(name);
    let expectation =
        Expectation { public_key_sha256: key.public_key_sha256(), names, now: Timestamp::now() };
    let proof = prove(&chain, &expectation).unwrap();
    let (cert, issuers) = (chain.leaf_pem(), chain.chain_pem());
    let (fullchain, privkey) = (chain.fullchain_pem(), key.to_pem());
    let file = |name, text, mode| SetFile { name, bytes: str::as_bytes(text), mode, is_same: None };
    let files = [
        file("cert.pem", &cert, FileMode::Public),
        file("chain.pem", &issuers, FileMode::Public),
        file("fullchain.pem", &fullchain, FileMode::Public),
        file("privkey.pem", &privkey, FileMode::Private),
    ];
    let set = CertificateSet { files: &files, access: Access::DEFAULT };
    set.install(folder, &proof.serial).unwrap();
}
