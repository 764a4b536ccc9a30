// The client on Spring's RestClient. It sends null for each member that is not set.

import addressbook.ApiClient;
import java.io.File;
import org.springframework.core.io.FileSystemResource;
import org.springframework.core.io.Resource;
import org.springframework.web.client.RestClientResponseException;

final class Library {
    static final boolean SENDS_NULL = true;

    static ApiClient client(String url, String key) {
        ApiClient client = new ApiClient().setBasePath(url);
        if (key != null) client.setBearerToken(key);
        return client;
    }

    static Resource content(File file) {
        return new FileSystemResource(file);
    }

    /** The typed error of a call that fails. (The exception has the body, and reads it as any type.) */
    static <E> E problem(Class<E> type, int status, Scenario.Call call) throws Exception {
        try {
            call.run();
        } catch (RestClientResponseException exception) {
            Scenario.check(exception.getStatusCode().value(), status);
            return exception.getResponseBodyAs(type);
        }
        throw new AssertionError("it did not fail");
    }
}
