// The client on Spring's RestClient. It sends null for each member that is not set.

import addressbook.ApiClient;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import org.springframework.http.HttpInputMessage;
import org.springframework.http.HttpOutputMessage;
import org.springframework.http.MediaType;
import org.springframework.http.converter.AbstractHttpMessageConverter;
import org.springframework.web.client.RestClient;
import org.springframework.web.client.RestClientResponseException;

final class Library {
    static final boolean SENDS_NULL = true;

    static ApiClient client(String url, String key) {
        RestClient.Builder library = ApiClient.buildRestClientBuilder();
        library.messageConverters(converters -> converters.add(0, new Content()));
        ApiClient client = new ApiClient(library.build()).setBasePath(url);
        if (key != null) client.setBearerToken(key);
        return client;
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

    /** Spring would write a file as JSON, which is its path. */
    private static final class Content extends AbstractHttpMessageConverter<File> {
        Content() {
            super(MediaType.ALL);
        }

        @Override
        protected boolean supports(Class<?> type) {
            return type == File.class;
        }

        @Override
        protected void writeInternal(File file, HttpOutputMessage message) throws IOException {
            Files.copy(file.toPath(), message.getBody());
        }

        @Override
        protected File readInternal(Class<? extends File> type, HttpInputMessage message) {
            throw new UnsupportedOperationException();
        }
    }
}
