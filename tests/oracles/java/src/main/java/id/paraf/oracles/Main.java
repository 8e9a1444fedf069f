package id.paraf.oracles;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;

/**
 * Answers questions on standard input, one line each, with one line of JSON on standard output.
 *
 * <pre>
 * dss     FILE  TRUST_FOLDER  INSTANT     verdict of EU DSS at that moment, nothing fetched
 * verapdf FILE  FLAVOUR                   PDF/A conformance, for instance 2a
 * </pre>
 *
 * Fields are parted by tabulators. One process answers many, since a virtual machine starts slowly.
 */
public final class Main {
    private Main() {
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err); // whatever a library prints must not look like an answer
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = questions.readLine(); line != null; line = questions.readLine()) {
            answers.println(answer(line.split("\t")));
        }
    }

    private static String answer(String[] question) {
        try {
            return switch (question[0]) {
                case "dss" -> Dss.judge(Path.of(question[1]), Path.of(question[2]), Instant.parse(question[3]));
                case "verapdf" -> VeraPdf.judge(Path.of(question[1]), question[2]);
                default -> throw new IllegalArgumentException(question[0]);
            };
        } catch (Exception | LinkageError | StackOverflowError failure) {
            return Json.object().put("error", failure.toString()).toString();
        }
    }
}
