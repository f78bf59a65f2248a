//! The edge over HTTP, with services of the tests' own.
#![expect(clippy::unwrap_used, reason = "a test stops where its assumption fails")]

use std::borrow::Cow;
use std::num::NonZeroU32;

use actix_web::web::{Data, Json, Path};
use actix_web::{get, post};
use gateway::{Edge, EdgeError, File, Limits, Mount, Parts, merge, mount, start};
use reqwest::{Client, Method, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Problems, Verifier};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// Something that both test services call by one name.
mod fruit {
    use super::*;

    #[derive(Serialize, Deserialize, ToSchema)]
    pub(super) struct Thing {
        pub(super) sweetness: u32,
    }

    #[utoipa::path(responses((status = 200, body = Thing), Problems))]
    #[get("/v1/fruits/{name}")]
    async fn list(fruits: Data<u32>, name: Path<String>) -> Json<Thing> {
        Json(Thing { sweetness: **fruits + u32::try_from(name.len()).unwrap() })
    }

    #[utoipa::path(request_body = Thing, responses((status = 200, body = Thing), Problems))]
    #[post("/v1/fruits")]
    async fn plant(thing: Json<Thing>) -> Json<Thing> {
        thing
    }

    pub(super) fn routes(base: u32) -> impl Fn(&mut ServiceConfig) + Clone + Send + Sync + 'static {
        let base = Data::new(base);
        move |config| {
            config.app_data(base.clone()).service(list).service(plant);
        }
    }
}

mod tool {
    use super::*;

    #[derive(Serialize, ToSchema)]
    struct Thing {
        weight: u32,
    }

    #[utoipa::path(responses((status = 200, body = [Thing]), Problems))]
    #[get("/v1/tools")]
    async fn list() -> Json<Vec<Thing>> {
        Json(vec![Thing { weight: 3 }])
    }

    #[utoipa::path(responses((status = 200, body = String)))]
    #[post("/rpc")]
    async fn rpc(body: String) -> String {
        body
    }

    pub(super) fn routes(config: &mut ServiceConfig<'_>) {
        config.service(list).service(rpc);
    }
}

fn services() -> Vec<Mount> {
    vec![mount("fruit", fruit::routes(10)), mount("tool", tool::routes)]
}

fn app_files(path: &str) -> Option<File> {
    let (content, media_type) = match path {
        "index.html" => ("<p>the app", "text/html"),
        "assets/index-a1b2.js" => ("start()", "text/javascript"),
        _ => return None,
    };
    let content = Cow::Borrowed(content.as_bytes());
    Some(File { content, media_type: media_type.to_owned(), etag: format!("v1-{path}") })
}

fn parts() -> Parts {
    Parts {
        address: ([127, 0, 0, 1], 0).into(),
        services: services(),
        verifier: Verifier::new(),
        limits: Limits::default(),
        files: app_files,
    }
}

async fn get(edge: &Edge, path: &str) -> Response {
    reqwest::get(format!("{}{path}", edge.url())).await.unwrap()
}

async fn code(response: Response) -> String {
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/problem+json");
    response.json::<Value>().await.unwrap()["code"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn services_answer_behind_one_address() {
    let edge = start(parts()).unwrap();
    let fruit: Value = get(&edge, "/v1/fruits/fig").await.json().await.unwrap();
    assert_eq!(fruit["sweetness"], 13);
    let tools: Value = get(&edge, "/v1/tools").await.json().await.unwrap();
    assert_eq!(tools[0]["weight"], 3);
    let health: Value = get(&edge, "/healthz").await.json().await.unwrap();
    assert_eq!(health["status"], "ok");
    edge.stop().await.unwrap();
}

#[actix_web::test]
async fn what_cannot_be_served_is_a_problem() {
    let edge = start(parts()).unwrap();
    for (method, path, body, status, expected) in [
        (Method::GET, "/v1/nothing", "", 404, "NOT_FOUND"),
        (Method::POST, "/nothing", "", 404, "NOT_FOUND"),
        (Method::GET, "/logo.png", "", 404, "NOT_FOUND"),
        (Method::DELETE, "/v1/fruits", "", 405, "METHOD"),
        (Method::PUT, "/v1/fruits/fig", "", 405, "METHOD"),
        (Method::POST, "/v1/fruits", "{", 400, "MALFORMED"),
    ] {
        let request = Client::new().request(method.clone(), format!("{}{path}", edge.url()));
        let request = request.header("Content-Type", "application/json").body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(code(response).await, expected, "{method} {path}");
    }
    let large = Client::new().post(format!("{}/v1/fruits", edge.url())).body(vec![b'1'; 2 << 20]);
    let response = large.send().await.unwrap();
    assert_eq!((response.status().as_u16(), code(response).await), (413, "BODY_SIZE".to_owned()));
    edge.stop().await.unwrap();
}

#[actix_web::test]
async fn the_merged_document_has_every_path_and_a_name_means_one_thing() {
    let edge = start(parts()).unwrap();
    let api: Value = get(&edge, "/openapi.json").await.json().await.unwrap();
    assert_eq!(api["openapi"], "3.1.0");
    for (path, method, tag, id) in [
        ("/v1/fruits/{name}", "get", "fruit", "list"),
        ("/v1/fruits", "post", "fruit", "plant"),
        ("/v1/tools", "get", "tool", "tool_list"),
        ("/rpc", "post", "tool", "rpc"),
        ("/healthz", "get", "gateway", "healthz"),
    ] {
        let operation = &api["paths"][path][method];
        assert_eq!((&operation["tags"][0], &operation["operationId"]), (&tag.into(), &id.into()));
        let problem = &operation["responses"]["429"]["content"]["application/problem+json"];
        assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem");
        assert_eq!(operation["responses"].get("413").is_some(), method == "post" && id == "plant");
    }
    let schemas = &api["components"]["schemas"];
    assert!(schemas["Thing"]["properties"]["sweetness"].is_object());
    assert!(schemas["ToolThing"]["properties"]["weight"].is_object());
    let tools = "/paths/~1v1~1tools/get/responses/200/content/application~1json/schema/items/$ref";
    assert_eq!(api.pointer(tools).unwrap(), "#/components/schemas/ToolThing");
    assert_every_reference_resolves(&api, &api);
    edge.stop().await.unwrap();
}

fn assert_every_reference_resolves(api: &Value, value: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get("$ref") {
                let found = api.pointer(target.strip_prefix('#').unwrap());
                assert!(found.is_some(), "{target} is nowhere");
            }
            map.values().for_each(|value| assert_every_reference_resolves(api, value));
        }
        Value::Array(items) => {
            items.iter().for_each(|item| assert_every_reference_resolves(api, item));
        }
        _ => {}
    }
}

#[test]
fn merging_the_same_services_twice_gives_the_same_document() {
    assert_eq!(merge(&services()), merge(&services()));
}

#[actix_web::test]
async fn the_docs_page_stands_on_its_own() {
    let edge = start(parts()).unwrap();
    let page = get(&edge, "/docs").await.text().await.unwrap();
    let links = page.split(['"', '\'']).filter(|part| part.starts_with("/docs/"));
    for link in links.clone() {
        let response = get(&edge, link).await;
        assert_eq!(response.status(), 200, "{link}");
        assert!(!response.text().await.unwrap().contains("https://"), "{link}");
    }
    assert_eq!(links.count(), 2);
    assert!(!page.contains("https://"));
    edge.stop().await.unwrap();
}

#[actix_web::test]
async fn the_app_is_served_with_its_own_paths() {
    let edge = start(parts()).unwrap();
    for (path, body, cache) in [
        ("/", "<p>the app", "no-cache"),
        ("/wallet", "<p>the app", "no-cache"),
        ("/explorer/blocks/12", "<p>the app", "no-cache"),
        ("/assets/index-a1b2.js", "start()", "public, max-age=31536000, immutable"),
    ] {
        let response = get(&edge, path).await;
        assert_eq!(response.headers()["cache-control"], cache, "{path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
        assert!(response.headers().contains_key("content-security-policy"), "{path}");
        assert_eq!(response.text().await.unwrap(), body, "{path}");
    }
    let again = Client::new().get(edge.url()).header("If-None-Match", "\"v1-index.html\"");
    assert_eq!(again.send().await.unwrap().status(), 304);
    edge.stop().await.unwrap();
}

#[actix_web::test]
async fn a_program_without_the_app_says_so() {
    let edge = start(Parts { files: |_| None, ..parts() }).unwrap();
    let page = get(&edge, "/").await.text().await.unwrap();
    assert!(page.contains("without the web app"));
    assert_eq!(code(get(&edge, "/wallet").await).await, "NOT_FOUND");
    edge.stop().await.unwrap();
}

#[actix_web::test]
async fn pages_of_other_origins_may_call_the_chain_and_nothing_else() {
    let edge = start(parts()).unwrap();
    let ask = async |path: &str| {
        let request = Client::new().request(Method::OPTIONS, format!("{}{path}", edge.url()));
        let request = request.header("Origin", "https://wallet.example");
        let response =
            request.header("Access-Control-Request-Method", "POST").send().await.unwrap();
        let allowed = response.headers().get("access-control-allow-origin").cloned();
        (response.status().as_u16(), allowed.map(|value| value.to_str().unwrap().to_owned()))
    };
    assert_eq!(ask("/rpc").await, (204, Some("*".to_owned())));
    assert_eq!(ask("/v1/fruits").await, (405, None));
    let call = Client::new().post(format!("{}/rpc", edge.url())).body("{}").send().await.unwrap();
    assert_eq!(call.headers()["access-control-allow-origin"], "*");
    edge.stop().await.unwrap();
}

#[actix_web::test]
async fn an_address_that_asks_too_much_has_to_wait() {
    let number = |value| NonZeroU32::new(value).unwrap();
    let limits = Limits { per_second: number(1), burst: number(3) };
    let edge = start(Parts { limits, ..parts() }).unwrap();
    let mut refused = None;
    for _ in 0..4 {
        let request = Client::new().get(format!("{}/v1/tools", edge.url()));
        // What a client says about its address changes nothing.
        let response = request.header("X-Forwarded-For", "203.0.113.9").send().await.unwrap();
        refused = (response.status() == 429).then_some(response);
    }
    let refused = refused.expect("the fourth request within a second is refused");
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait));
    assert_eq!(code(refused).await, "RATE");
    edge.stop().await.unwrap();
}

#[actix_web::test]
async fn a_taken_port_is_told_apart() {
    let edge = start(parts()).unwrap();
    let second = start(Parts { address: edge.address(), ..parts() });
    assert!(matches!(second, Err(EdgeError::PortTaken(address)) if address == edge.address()));
    let address = edge.address();
    edge.stop().await.unwrap();
    start(Parts { address, ..parts() }).unwrap().stop().await.unwrap();
}
