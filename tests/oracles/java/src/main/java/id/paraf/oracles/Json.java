package id.paraf.oracles;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;

/** Just enough JSON to write an answer. */
final class Json {
    private final List<String> members = new ArrayList<>();

    static Json object() {
        return new Json();
    }

    Json put(String name, String value) {
        return raw(name, value == null ? "null" : quoted(value));
    }

    Json put(String name, boolean value) {
        return raw(name, Boolean.toString(value));
    }

    Json put(String name, Collection<String> values) {
        return raw(name, values.stream().map(Json::quoted).collect(Collectors.joining(",", "[", "]")));
    }

    Json putObjects(String name, Collection<Json> values) {
        return raw(name, values.stream().map(Json::toString).collect(Collectors.joining(",", "[", "]")));
    }

    private Json raw(String name, String value) {
        members.add(quoted(name) + ":" + value);
        return this;
    }

    @Override
    public String toString() {
        return members.stream().collect(Collectors.joining(",", "{", "}"));
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < 0x20) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
