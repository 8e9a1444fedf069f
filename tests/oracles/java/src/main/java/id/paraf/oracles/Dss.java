package id.paraf.oracles;

import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.diagnostic.SignatureWrapper;
import eu.europa.esig.dss.enumerations.Indication;
import eu.europa.esig.dss.enumerations.SubIndication;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonCertificateSource;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import eu.europa.esig.dss.spi.x509.revocation.ocsp.ExternalResourcesOCSPSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.stream.Stream;

/**
 * The verdict of EU DSS under its default policy.
 *
 * <p>A trust folder has {@code *.anchor}, {@code *.known} (certificates), {@code *.crl} and {@code *.ocsp}, all DER.
 * Nothing is fetched: what is neither there nor in the file is missing.
 */
final class Dss {
    private Dss() {
    }

    static String judge(Path file, Path trust, Instant moment) throws IOException {
        SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(new FileDocument(file.toFile()));
        validator.setCertificateVerifier(verifier(trust));
        validator.setValidationTime(Date.from(moment));
        Reports reports = validator.validateDocument();
        SimpleReport simple = reports.getSimpleReport();
        DiagnosticData data = reports.getDiagnosticData();
        List<Json> signatures = new ArrayList<>();
        for (String id : simple.getSignatureIdList()) {
            signatures.add(signature(id, simple, data.getSignatureById(id)));
        }
        return Json.object().putObjects("signatures", signatures).toString();
    }

    private static Json signature(String id, SimpleReport simple, SignatureWrapper wrapper) {
        Indication indication = simple.getIndication(id);
        SubIndication sub = simple.getSubIndication(id);
        return Json.object()
                .put("indication", indication.name().replace('_', '-'))
                .put("sub_indication", sub == null ? null : sub.name())
                .put("level", simple.getSignatureFormat(id).toString())
                .put("intact", wrapper.isSignatureIntact() && wrapper.isSignatureValid())
                .put("changed", wrapper.arePdfModificationsDetected() || !wrapper.getPdfUndefinedChanges().isEmpty())
                .put("covers_file", simple.getSignatureScopes(id) != null && simple.getSignatureScopes(id).stream()
                        .allMatch(scope -> scope.getScope().name().equals("FULL")))
                .put("errors", simple.getAdESValidationErrors(id).stream().map(one -> one.getValue()).toList())
                .put("warnings", simple.getAdESValidationWarnings(id).stream().map(one -> one.getValue()).toList());
    }

    private static CommonCertificateVerifier verifier(Path trust) throws IOException {
        CommonTrustedCertificateSource anchors = new CommonTrustedCertificateSource();
        for (File one : files(trust, ".anchor")) {
            anchors.addCertificate(DSSUtils.loadCertificate(one));
        }
        CommonCertificateSource known = new CommonCertificateSource();
        for (File one : files(trust, ".known")) {
            known.addCertificate(DSSUtils.loadCertificate(one));
        }
        CommonCertificateVerifier verifier = new CommonCertificateVerifier();
        verifier.setTrustedCertSources(anchors);
        verifier.setAdjunctCertSources(known);
        verifier.setAIASource(null);
        verifier.setCrlSource(new ExternalResourcesCRLSource(streams(trust, ".crl")));
        verifier.setOcspSource(new ExternalResourcesOCSPSource(streams(trust, ".ocsp")));
        return verifier;
    }

    private static List<File> files(Path folder, String ending) throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(one -> one.toString().endsWith(ending)).sorted().map(Path::toFile).toList();
        }
    }

    private static InputStream[] streams(Path folder, String ending) throws IOException {
        List<InputStream> contents = new ArrayList<>();
        for (File one : files(folder, ending)) {
            contents.add(new ByteArrayInputStream(Files.readAllBytes(one.toPath())));
        }
        return contents.toArray(InputStream[]::new);
    }
}
