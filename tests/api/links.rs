//! The links of the document: each is followed and leads to the documented response.

use crate::harness::fixtures::account_for;
use crate::harness::operations::Call;
use crate::harness::{Client, Reply, Service};

/// Makes an operation return this status.
fn provoke(service: &Service, calls: &[Call], call: &Call, status: u16) -> (Client, Call, Reply) {
    let (client, call) = account_for(service, calls, call, status);
    let call = if status == 412 { call.with("If-Match", "\"0\"") } else { call };
    let reply = call.send(&client);
    assert_eq!(reply.status, status, "{}", call.id);
    (client, call, reply)
}

on_both_databases! {
    fn every_link_can_be_followed(service: &Service) {
        let document = service.anonymous().get("/openapi.json").expect(200);
        let calls = Call::all(&document);
        let mut followed = 0;
        for source in &calls {
            let operation = &document["paths"][&source.path][source.method.to_lowercase()];
            let mut leads_on = 0;
            for (status, response) in operation["responses"].as_object().unwrap() {
                for (name, link) in response["links"].as_object().into_iter().flatten() {
                    let (client, source, reply) = provoke(service, &calls, source, status.parse().unwrap());
                    let target = calls.iter().find(|call| call.id == link["operationId"]).unwrap();
                    let parameters = link["parameters"].as_object().into_iter().flatten();
                    let target = parameters.fold(target.clone(), |target, (name, expression)| {
                        target.with(name, source.evaluate(expression.as_str().unwrap(), &reply))
                    });
                    assert!(!link["description"].as_str().unwrap().is_empty());
                    let reply = target.send(&client);
                    // A resource just read is unchanged; one just updated is not.
                    let expected = if target.parameters.contains_key("If-None-Match") { 304..305 } else { 200..300 };
                    assert!(expected.contains(&reply.status), "{} {status} {name}: {}", source.id, reply.status);
                    let shown = String::from_utf8(reply.body).unwrap();
                    if let Some(id) = target.last_path_parameter().filter(|_| target.method == "GET" && reply.status == 200) {
                        assert!(shown.contains(target.parameters[id].as_str().unwrap()), "{} {name}", source.id);
                    }
                    followed += 1;
                    leads_on += 1;
                }
            }
            assert!(leads_on > 0, "nothing follows from {}", source.id);
        }
        assert!(followed >= 50, "{followed} links");
    }
}
