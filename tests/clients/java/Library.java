// The client on java.net.http.

import addressbook.ApiClient;
import addressbook.ApiException;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;

final class Library {
    static final boolean SENDS_NULL = true;

    static ApiClient client(String url, String key) {
        ApiClient client = new ApiClient();
        client.updateBaseUri(url);
        ObjectMapper mapper = ApiClient.createDefaultObjectMapper();
        client.setObjectMapper(mapper.registerModule(new SimpleModule().addSerializer(File.class, new Content())));
        if (key != null) {
            client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + key));
        }
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
            return ApiClient.createDefaultObjectMapper().readValue(exception.getResponseBody(), type);
        }
        throw new AssertionError("it did not fail");
    }

    /** Every body is written as JSON, which of a file would be its path. */
    private static final class Content extends JsonSerializer<File> {
        @Override
        public void serialize(File file, JsonGenerator body, SerializerProvider provider) throws IOException {
            body.writeRaw(Files.readString(file.toPath()));
        }
    }
}
