//! TLS for the house, and client certificates that speak for a hat.

use std::sync::Arc;

use noroshi::config::Config;
use noroshi::web::tls::fingerprint;
use noroshi_charter::hat::Hat;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use serde_json::{Value, json};

use super::super::house::TestHouse;
use super::TAXII;

/// Keys and certificates of a small world, as files.
struct Papers {
    dir: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A client's certificate and key.
struct Client {
    certificate: Vec<u8>,
    key: String,
}

impl Papers {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let papers = Self { dir: tempfile::tempdir().unwrap(), issuer };
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let server = params.signed_by(&key, &papers.issuer).unwrap();
        papers.write("server.pem", &server.pem());
        papers.write("server.key", &key.serialize_pem());
        papers.write("clients.pem", &papers.issuer.pem());
        papers
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn client(&self) -> Client {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Client { certificate: certificate.der().to_vec(), key: key.serialize_pem() }
    }

    fn config(&self) -> Config {
        let mut config = TestHouse::config();
        config.tls.certificate = self.dir.path().join("server.pem");
        config.tls.key = self.dir.path().join("server.key");
        config.tls.client_ca = self.dir.path().join("clients.pem");
        config
    }

    fn agent(&self, client: Option<&Client>) -> ureq::Agent {
        use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
        let root = Certificate::from_der(self.issuer.der()).to_owned();
        let mut tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root]));
        if let Some(client) = client {
            let chain = [Certificate::from_der(&client.certificate).to_owned()];
            let key = PrivateKey::from_pem(client.key.as_bytes()).unwrap();
            tls = tls.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
        }
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(tls.build())
            .build()
            .into()
    }
}

async fn get(agent: &ureq::Agent, url: String, headers: &[(&'static str, String)]) -> (u16, Value) {
    let (agent, headers) = (agent.clone(), headers.to_vec());
    tokio::task::spawn_blocking(move || {
        let mut request = agent.get(&url).header("accept", TAXII);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut answer = request.call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    })
    .await
    .unwrap()
}

async fn send(
    agent: &ureq::Agent,
    method: &'static str,
    url: String,
    token: &str,
    body: Value,
) -> (u16, Value) {
    let (agent, token) = (agent.clone(), token.to_owned());
    tokio::task::spawn_blocking(move || {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(&url)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        let mut answer = agent.run(request.body(body.to_string()).unwrap()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_speaks_for_the_hat_it_was_registered_for_and_for_nobody_else() {
    let papers = Papers::new();
    let dir = tempfile::tempdir().unwrap();
    let test = Arc::new(TestHouse::open_with(dir, papers.config()).await);
    let office = test.org("Office (fictional)", "office", None).await;
    let admin = test.person("admin", &office, Hat::Administrator).await;
    let ally_org = test.org("Allied CERT (fictional)", "partner", None).await;
    let ally = test.person("ally", &ally_org, Hat::PartnerForeign).await;
    let (known, unknown) = (papers.client(), papers.client());
    let (nobody, with_known, with_unknown) =
        (papers.agent(None), papers.agent(Some(&known)), papers.agent(Some(&unknown)));
    let url = || test.url("/taxii2/");
    // Before it is registered, a certificate of the right authority is nobody's.
    for agent in [&nobody, &with_known, &with_unknown] {
        assert_eq!(get(agent, url(), &[]).await.0, 401);
    }
    let print = fingerprint(&known.certificate);
    let wish = json!({
        "fingerprint": print, "label": "Allied CERT, poller", "person": ally.ctx.person, "org": ally_org.org,
        "hat": "partner.foreign", "days": 30,
    });
    let api = test.url("/api/v1/certificates");
    // Only the administrator enters one, and only for a hat that is held.
    assert_eq!(send(&nobody, "POST", api.clone(), &ally.token, wish.clone()).await.0, 403);
    let mut wrong = wish.clone();
    wrong["hat"] = json!("legal");
    let (status, answer) = send(&nobody, "POST", api.clone(), &admin.token, wrong).await;
    assert_eq!(
        (status, answer["items"][0]["code"].as_str()),
        (422, Some("NRS-SHAR-0251")),
        "{answer}"
    );
    let (status, answer) = send(&nobody, "POST", api.clone(), &admin.token, wish.clone()).await;
    assert_eq!((status, answer["fingerprint"].as_str()), (201, Some(print.as_str())), "{answer}");
    assert_eq!(get(&with_known, url(), &[]).await.0, 200);
    for agent in [&nobody, &with_unknown] {
        assert_eq!(get(agent, url(), &[]).await.0, 401);
    }
    let (_, me) = get(&with_known, test.url("/api/v1/me"), &[]).await;
    assert_eq!(me["hat"], "partner.foreign", "{me}");
    // A browser sends its certificate by itself: not when another site asks it to.
    let foreign = [("origin", "https://evil.example".to_owned())];
    assert_eq!(get(&with_known, url(), &foreign).await.0, 403);
    // A token still speaks for itself.
    let token = [("authorization", format!("Bearer {}", admin.token))];
    let (_, me) = get(&with_unknown, test.url("/api/v1/me"), &token).await;
    assert_eq!(me["hat"], "administrator", "{me}");
    // Taken back, at once, on the connection that is open; and it never comes back.
    let one = format!("{api}/{print}");
    assert_eq!(send(&nobody, "DELETE", one.clone(), &admin.token, json!({})).await.0, 200);
    assert_eq!(get(&with_known, url(), &[]).await.0, 401);
    assert_eq!(send(&nobody, "DELETE", one, &admin.token, json!({})).await.0, 404);
    let (status, answer) = send(&nobody, "POST", api.clone(), &admin.token, wish).await;
    assert_eq!((status, answer["code"].as_str()), (409, Some("NRS-SHAR-0252")), "{answer}");
    let (_, listed) = get(&nobody, api, &token).await;
    assert!(listed["items"][0]["revoked_at"].is_string(), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_another_authority_do_not_get_through_the_handshake() {
    let (papers, strangers) = (Papers::new(), Papers::new());
    let dir = tempfile::tempdir().unwrap();
    let test = TestHouse::open_with(dir, papers.config()).await;
    let foreign = strangers.client();
    let agent = papers.agent(Some(&foreign));
    let url = test.url("/healthz");
    let outcome =
        tokio::task::spawn_blocking(move || agent.get(&url).call().map(|answer| answer.status()));
    assert!(outcome.await.unwrap().is_err());
    // And plain HTTP on that port is no HTTP at all.
    let plain = format!("http://localhost:{}/healthz", test.serving.address().port());
    let outcome =
        tokio::task::spawn_blocking(move || ureq::get(&plain).call().map(|answer| answer.status()));
    assert!(outcome.await.unwrap().is_err());
    // A caller that says nothing delays nobody.
    let silent = tokio::net::TcpStream::connect(test.serving.address()).await.unwrap();
    let agent = papers.agent(None);
    assert_eq!(get(&agent, test.url("/taxii2/"), &[]).await.0, 401);
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_pair_and_broken_files_stop_the_start() {
    let papers = Papers::new();
    let start = async |change: &dyn Fn(&mut Config)| {
        let mut config = papers.config();
        change(&mut config);
        let dir = tempfile::tempdir().unwrap();
        let house = noroshi::house::House::open(dir.path(), config, false).unwrap();
        let outcome = noroshi::house::Serving::start(house).await;
        let problem = outcome.err().map(|problem| noroshi::web::refusal::chain(&problem));
        problem.unwrap_or_default()
    };
    let said = start(&|config| config.tls.key = std::path::PathBuf::new()).await;
    assert!(said.contains("NRS-CONF-0023"), "{said}");
    let said = start(&|config| config.tls.key = config.tls.certificate.clone()).await;
    assert!(said.contains("NRS-CONF-0020"), "{said}");
    let said =
        start(&|config| config.tls.client_ca = std::path::PathBuf::from("/no/such/file")).await;
    assert!(said.contains("NRS-CONF-0020"), "{said}");
    papers.write("other.key", &KeyPair::generate().unwrap().serialize_pem());
    let other = papers.dir.path().join("other.key");
    let said = start(&|config| config.tls.key = other.clone()).await;
    assert!(said.contains("NRS-CONF-0021"), "{said}");
}
