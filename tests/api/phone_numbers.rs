//! Normalisation of phone numbers: a trunk prefix does not yield a second number.

use serde_json::json;

on_both_databases! {
    fn a_trunk_zero_does_not_yield_a_second_number(service: &Service) {
        let client = service.client();
        for (index, (spelling, number)) in [
            ("+33 06 12 34 56 78", "+33612345678"),
            ("0033 (0)6 12 34 56 78", "+33612345678"),
            ("+44 07900 000001", "+447900000001"),
            ("+39 06 1234567", "+39061234567"),
            ("+39 (0)6 1234567", "+39061234567"),
            ("+225 07 01 02 03 04", "+2250701020304"),
            ("+229 01 97 12 34 56", "+2290197123456"),
            ("4479000000001", "+4479000000001"),
        ].into_iter().enumerate() {
            let body = json!({"username": format!("u{index}"), "phone_number": spelling});
            assert_eq!(client.post("/v1/contacts", &body).expect(201)["phone_number"], number, "{spelling}");
            let body = json!({"alias": format!("a{index}"), "msisdn": spelling});
            assert_eq!(client.post("/addressbook/contacts", &body).expect(200)["record"]["msisdn"], number[1..]);
        }
        let found = client.get("/v1/contacts?limit=100&phone_number=%2B33%200612345678").expect(200);
        assert_eq!(found["data"].as_array().unwrap().len(), 4);
        client.post("/v1/opt_outs", &json!({"phone_number": "+33 06 12 34 56 78"})).expect(201);
        client.get("/addressbook/optouts/33612345678").expect(200);
        let audience = json!({"recipients": [{"phone_number": "+33 6 12 34 56 78"}]});
        assert_eq!(client.post("/v1/audiences", &audience).expect(200)["counts"]["excluded"], 1);
    }

    fn a_national_number_is_rejected_with_a_hint(service: &Service) {
        let client = service.client();
        for number in ["07900 000001", "(020) 7946-0000"] {
            let about = "looks like a national number; write it with + and the country code, such as +447900000001 \
                         for 07900 000001";
            let body = json!({"username": "u", "phone_number": number});
            let (message, _, code) = client.post("/v1/contacts", &body).violation(400);
            assert_eq!((message, code.as_str()), (format!("phone_number {about}"), "national_phone_number"));
            let body = json!({"alias": "u", "msisdn": number});
            assert_eq!(client.post("/addressbook/contacts", &body).violation(400).0, format!("Msisdn {about}"));
        }
    }
}
