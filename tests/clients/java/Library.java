// The client on java.net.http.

import addressbook.ApiClient;
import addressbook.ApiException;

final class Library {
    static final boolean SENDS_NULL = true;

    static ApiClient client(String url, String key) {
        ApiClient client = new ApiClient();
        client.updateBaseUri(url);
        if (key != null) {
            client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + key));
        }
        return client;
    }

    /** The typed error of a call that fails. (The client throws the body as text; its types read it.) */
    static <E> E problem(Class<E> type, int status, Scenario.Call call) throws Exception {
        try {
            call.run();
        } catch (ApiException exception) {
            Scenario.check(exception.getCode(), status);
            return ApiClient.createDefaultObjectMapper().readValue(exception.getResponseBody(), type);
        }
        throw new AssertionError("it did not fail");
    }
}
