// The JDK's PKIX CertPathValidator behind the JDK's own HTTP server, for `scripts/bench peers`.
//
//   JdkServer THREADS ISSUER.der [CRL.der]   writes "port N" when it accepts connections
//
// POST /validate takes certificate, message and signature, each after its length in 4 octets
// (big-endian), and answers "valid", or "invalid" and why: what CertPathValidatorException says, or
// PROOF. With a CRL the JDK's own revocation checker looks it up (PREFER_CRLS, NO_FALLBACK): it
// fetches nothing, and verifies the CRL's signature once, since the object remembers that.

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Signature;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.Executors;

public final class JdkServer {
  private static final int MAX_FIELD = 16 << 10;
  private static final int BACKLOG = 1024;

  private final PKIXParameters parameters; // Read only from here on.

  private JdkServer(String issuer, String crl) throws Exception {
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    parameters = CardRules.parameters(parse(factory, Files.readAllBytes(Path.of(issuer))));
    if (crl == null) {
      return;
    }
    try (InputStream file = Files.newInputStream(Path.of(crl))) {
      parameters.addCertStore(
          CertStore.getInstance(
              "Collection", new CollectionCertStoreParameters(List.of(factory.generateCRL(file)))));
    }
    PKIXRevocationChecker checker =
        (PKIXRevocationChecker) CertPathValidator.getInstance("PKIX").getRevocationChecker();
    checker.setOptions(
        EnumSet.of(
            PKIXRevocationChecker.Option.PREFER_CRLS, PKIXRevocationChecker.Option.NO_FALLBACK));
    parameters.addCertPathChecker(checker);
  }

  private static X509Certificate parse(CertificateFactory factory, byte[] der)
      throws GeneralSecurityException {
    return (X509Certificate) factory.generateCertificate(new ByteArrayInputStream(der));
  }

  private static byte[] field(DataInputStream body) throws IOException {
    int size = body.readInt();
    if (size < 0 || size > MAX_FIELD) {
      throw new IOException("a field of " + size + " octets");
    }
    return body.readNBytes(size);
  }

  private String judge(byte[] der, byte[] message, byte[] signature) {
    try {
      CertificateFactory factory = CertificateFactory.getInstance("X.509");
      X509Certificate certificate = parse(factory, der);
      CertPathValidator.getInstance("PKIX")
          .validate(factory.generateCertPath(List.of(certificate)), parameters);
      Signature proof = Signature.getInstance("SHA256withRSA");
      proof.initVerify(certificate.getPublicKey());
      proof.update(message);
      return proof.verify(signature) ? "valid" : "invalid PROOF";
    } catch (CertPathValidatorException refused) {
      return "invalid " + refused.getReason();
    } catch (GeneralSecurityException refused) {
      return "invalid " + refused.getMessage();
    }
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      DataInputStream body = new DataInputStream(exchange.getRequestBody());
      byte[] text =
          judge(field(body), field(body), field(body)).getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(200, text.length);
      exchange.getResponseBody().write(text);
    }
  }

  public static void main(String[] arguments) throws Exception {
    JdkServer judge = new JdkServer(arguments[1], arguments.length > 2 ? arguments[2] : null);
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), BACKLOG);
    server.setExecutor(Executors.newFixedThreadPool(Integer.parseInt(arguments[0])));
    server.createContext("/validate", judge::answer);
    server.start();
    System.out.println("port " + server.getAddress().getPort());
  }
}
