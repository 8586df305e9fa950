public import NetworkTypes
public import TLS

/// What differs from the `tls` section for the connections to one trunk.
public struct TrunkTLSConfiguration: Hashable, Sendable {
    public var authorities: TLSSettings.Authorities?
    public var certificate: String?
    public var key: String?
    public var verifies: Bool?

    public init() {}
}

extension Configuration {
    /// How we connect to servers over TLS, where no trunk says otherwise.
    public var clientTLS: TLSSettings {
        var settings = tls ?? TLSSettings()
        settings.clientCertificates = .off
        return settings
    }

    /// How we connect to the trunk's servers; nil where that is as anywhere.
    public func clientTLS(of trunk: TrunkConfiguration) -> TLSSettings? {
        guard trunk.tls != TrunkTLSConfiguration() else { return nil }
        var settings = clientTLS
        if let authorities = trunk.tls.authorities { settings.authorities = authorities }
        if let certificate = trunk.tls.certificate {
            (settings.certificate, settings.key) = (certificate, trunk.tls.key)
        }
        if let verifies = trunk.tls.verifies { settings.verifies = verifies }
        return settings
    }

    /// How TLS is spoken with those who connect to a side; nil without a certificate. Certificates are asked for outside
    /// only: the PBX is known by its network.
    public func serverTLS(of side: Side) -> TLSSettings? {
        guard var settings = tls, settings.certificate != nil else { return nil }
        if side == .inside { settings.clientCertificates = .off }
        return settings
    }

    // MARK: Validation

    /// Whether the files are there and fit each other; `now` is in seconds since 1970.
    func tlsFindings(
        at now: Int64, errors: inout [ConfigurationError], warnings: inout [ConfigurationWarning]
    ) {
        if let tls {
            check(tls, at: "tls", now, &errors, &warnings)
            if tls.clientCertificates != .off, tls.authorities == .system {
                let message = "with ca: system the certificate of anybody whom a public CA knows is good"
                warnings.append(warning(at: "tls.client_certificates", message))
            }
        }
        if let tls, tls.clientCertificates != .off, let shared = sharedListeners.first(where: { $0.transport == .tls })
        {
            let message =
                "nobody can be asked for a certificate at tls \(shared.address), which inside and outside share"
            errors.append(error(at: "tls.client_certificates", fallback: "tls", message))
        }
        for (index, trunk) in trunks.enumerated() {
            guard let settings = clientTLS(of: trunk) else { continue }
            check(settings, at: "trunks[\(index)].tls", now, &errors, &warnings)
        }
        for (side, listen) in [(Side.inside, inside.listen), (.outside, outside.listen)]
        where tls?.certificate == nil {
            for (index, listener) in listen.enumerated() where listener.transport == .tls {
                let message = "tls needs a certificate: name tls.certificate and tls.key"
                errors.append(error(at: "\(side).listen[\(index)]", fallback: "\(side).listen", message))
            }
        }
    }

    private func check(
        _ settings: TLSSettings, at path: String, _ now: Int64, _ errors: inout [ConfigurationError],
        _ warnings: inout [ConfigurationWarning]
    ) {
        var authorities = settings
        (authorities.certificate, authorities.key) = (nil, nil)
        do throws(TLSFailure) { _ = try TLSContext(.client, authorities) } catch {
            errors.append(self.error(at: "\(path).ca", fallback: path, error.reason))
        }
        guard let file = settings.certificate else { return }
        do throws(TLSFailure) {
            let certificate = try CertificateSummary(contentsOf: file)
            if let message = certificate.warning(at: now) {
                warnings.append(warning(at: "\(path).certificate", "the certificate in \(file) \(message)"))
            }
        } catch {
            return errors.append(self.error(at: "\(path).certificate", fallback: path, error.reason))
        }
        var own = settings
        (own.authorities, own.clientCertificates) = (.system, .off)
        do throws(TLSFailure) { _ = try TLSContext(.server, own) } catch {
            errors.append(self.error(at: "\(path).key", fallback: "\(path).certificate", error.reason))
        }
    }
}

extension CertificateSummary {
    /// What an admin should do something about: it is not valid, or not for much longer.
    public func warning(at seconds: Int64) -> String? {
        if let defect = defect(at: seconds) { return defect }
        let days = (notAfter - seconds) / 86_400
        return days < 14 ? "expires in \(days) days" : nil
    }
}
