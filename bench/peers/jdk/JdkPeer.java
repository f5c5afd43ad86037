// The JDK's PKIX CertPathValidator as a peer of `scripts/bench validation`; bench/peers/peer.h has
// the protocol.
//
// A validation verifies the path with time, policy and extended key usage (RevocationEnabled is
// false), looks the certificate up in the CRL, which was verified once, and verifies the proof.
// jdk_cold parses the certificate too. jdk_cached finds it parsed, in an object that no earlier
// validation has used: X509CertImpl remembers a signature that it has verified once.
// The JDK's own cache of the last 750 certificates never hits: each pass is longer.
//
// The figure is CPU time of the validating thread, after a warm-up: neither the just-in-time
// compiler nor the garbage collector, which have threads of their own, is in it.

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Signature;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;

public final class JdkPeer {
  // Passes over the whole workload before anything counts: the compiler is done after a few.
  private static final int WARM_UP_PASSES = 12;

  private record Card(byte[] certificate, byte[] message, byte[] signature) {}

  private record BadCard(String why, Card card) {}

  private static final class Workload {
    final Date validationTime;
    final byte[] issuer;
    final byte[] crl;
    final List<Card> cards = new ArrayList<>();
    final List<BadCard> bad = new ArrayList<>();
    private final ByteBuffer rest;

    Workload(Path path) throws Exception {
      rest = ByteBuffer.wrap(Files.readAllBytes(path));
      if (!text().equals("musubi validation workload 1")) {
        throw new IllegalArgumentException(path + " is no workload of this version");
      }
      validationTime = new Date(Long.parseLong(text()) * 1000);
      issuer = field();
      field(); // The name of the distribution point.
      crl = field();
      for (int left = Integer.parseInt(text()); left > 0; left--) {
        cards.add(card());
      }
      for (int left = Integer.parseInt(text()); left > 0; left--) {
        bad.add(new BadCard(text(), card()));
      }
    }

    private byte[] field() {
      byte[] value = new byte[rest.getInt()];
      rest.get(value);
      return value;
    }

    private String text() {
      return new String(field(), StandardCharsets.UTF_8);
    }

    private Card card() {
      return new Card(field(), field(), field());
    }
  }

  private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
  private final CertificateFactory factory = CertificateFactory.getInstance("X.509");
  private final CertPathValidator validator = CertPathValidator.getInstance("PKIX");
  private final Signature proof = Signature.getInstance("SHA256withRSA");
  private final PKIXParameters parameters;
  private final X509CRL crl;
  private final Workload work;

  private JdkPeer(Workload work) throws Exception {
    this.work = work;
    X509Certificate issuer = parse(work.issuer);
    crl = (X509CRL) factory.generateCRL(new ByteArrayInputStream(work.crl));
    crl.verify(issuer.getPublicKey());
    parameters = CardRules.parameters(issuer);
    parameters.setDate(work.validationTime);
  }

  private X509Certificate parse(byte[] der) throws GeneralSecurityException {
    return (X509Certificate) factory.generateCertificate(new ByteArrayInputStream(der));
  }

  private boolean accepts(X509Certificate certificate, Card card) {
    try {
      validator.validate(factory.generateCertPath(List.of(certificate)), parameters);
      if (crl.isRevoked(certificate)) {
        return false;
      }
      proof.initVerify(certificate.getPublicKey());
      proof.update(card.message);
      return proof.verify(card.signature);
    } catch (GeneralSecurityException refused) {
      return false;
    }
  }

  private boolean accepts(Card card) {
    try {
      return accepts(parse(card.certificate), card);
    } catch (GeneralSecurityException refused) {
      return false;
    }
  }

  // Microseconds a validation.
  private double measure(boolean cached) throws Exception {
    List<X509Certificate> parsed = new ArrayList<>();
    if (cached) {
      for (Card card : work.cards) {
        parsed.add(parse(card.certificate));
      }
    }
    int accepted = 0;
    long before = threads.getCurrentThreadCpuTime();
    for (int i = 0; i < work.cards.size(); i++) {
      Card card = work.cards.get(i);
      accepted += (cached ? accepts(parsed.get(i), card) : accepts(card)) ? 1 : 0;
    }
    long used = threads.getCurrentThreadCpuTime() - before;
    if (accepted != work.cards.size()) {
      throw new IllegalStateException("accepted " + accepted + " of " + work.cards.size());
    }
    return used / 1e3 / accepted;
  }

  private void check() throws Exception {
    for (BadCard bad : work.bad) {
      if (accepts(bad.card)) {
        throw new IllegalStateException("accepts the bad card " + bad.why);
      }
    }
    for (int pass = 0; pass < WARM_UP_PASSES; pass++) {
      measure(false);
      measure(true);
    }
  }

  public static void main(String[] arguments) throws Exception {
    JdkPeer peer = new JdkPeer(new Workload(Path.of(arguments[0])));
    peer.check();
    System.out.println("ready");
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String row = lines.readLine(); row != null; row = lines.readLine()) {
      switch (row) {
        case "jdk_cold" -> System.out.println(peer.measure(false));
        case "jdk_cached" -> System.out.println(peer.measure(true));
        default -> System.out.println("error no row " + row);
      }
    }
  }
}
