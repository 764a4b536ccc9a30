// The client on OkHttp and Gson, which OpenAPI Generator makes by default.

import addressbook.ApiClient;
import addressbook.ApiException;
import addressbook.JSON;
import java.io.File;

final class Library {
    static final boolean SENDS_NULL = false;

    static ApiClient client(String url, String key) {
        ApiClient client = new ApiClient().setBasePath(url);
        if (key != null) client.setBearerToken(key);
        return client;
    }

    static File content(File file) {
        return file;
    }

    /** The typed error of a call that fails. (The client throws the body as text; its types read it.) */
    static <E> E problem(Class<E> type, int status, Scenario.Call call) throws Exception {
        try {
            call.run();
        } catch (ApiException exception) {
            Scenario.check(exception.getCode(), status);
            return JSON.getGson().fromJson(exception.getResponseBody(), type);
        }
        throw new AssertionError("it did not fail");
    }
}
