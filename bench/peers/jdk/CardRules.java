// What the JDK's PKIX checks of a card's certificate, for JdkPeer and JdkServer: path, policy,
// extended key usage. Revocation and time are each one's own.

import java.security.GeneralSecurityException;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.Set;

final class CardRules {
  private CardRules() {}

  static PKIXParameters parameters(X509Certificate issuer)
      throws GeneralSecurityException, java.io.IOException {
    PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(issuer, null)));
    parameters.setRevocationEnabled(false);
    parameters.setInitialPolicies(Set.of("2.999.1.30"));
    parameters.setExplicitPolicyRequired(true);
    parameters.setPolicyQualifiersRejected(false);
    X509CertSelector target = new X509CertSelector();
    target.setExtendedKeyUsage(Set.of("1.3.6.1.5.5.7.3.2"));
    parameters.setTargetCertConstraints(target);
    return parameters;
  }
}
