import Config
import Glibc
import Logging
import Reactor
import Resolver
import TLS

/// Keeps what TLS begins with at what the files say: read anew when one of them has changed, and when it is asked to.
/// Connections that are there stay as they are; files that can't be used leave everything as it was, and that is told.
final class CertificateWatch {
    private let configuration: Configuration
    private let contexts: TLSContexts
    private let logger: Logger
    private var files: [WatchedFile]
    /// A change was seen in the last look: who writes a certificate has perhaps still to write its key.
    private var isSettling = false
    private var looks: RepeatingTimer?
    private var reminders: RepeatingTimer?

    init(
        _ configuration: Configuration, _ contexts: TLSContexts, on loop: EventLoop,
        every interval: Duration = .seconds(2), logger: Logger
    ) {
        (self.configuration, self.contexts, self.logger) = (configuration, contexts, logger)
        files = configuration.filesOfTLS.map { WatchedFile($0) }
        guard !files.isEmpty else { return }
        looks = RepeatingTimer(on: loop, every: interval) { [unowned self] in look() }
        // The keys of session tickets are as old as what they belong to, and nobody should have to guard them for long.
        reminders = RepeatingTimer(on: loop, every: .seconds(12 * 3600)) { [unowned self] in
            reload("session tickets get new keys")
        }
    }

    private func look() {
        var hasChanged = false
        for index in files.indices where files[index].hasChanged() { hasChanged = true }
        if !hasChanged, isSettling { reload("a file has changed") }
        isSettling = hasChanged
    }

    /// Reads all files.
    func reload(_ cause: String) {
        guard !files.isEmpty else {
            return logger.notice("there are no certificates to read", metadata: ["cause": "\(cause)"])
        }
        do throws(TLSFailure) {
            contexts.replace(by: try TLSContexts.Contexts(configuration))
            let certificates = contexts.certificates.map { "\($0.name): \($0.summary.names.joined(separator: " "))" }
            logger.notice(
                "certificates were read",
                metadata: ["cause": "\(cause)", "certificates": "\(certificates.joined(separator: ", "))"])
            remind()
        } catch {
            contexts.note(problem: error.reason)
            logger.error(
                "the certificates stay as they were: the new ones can't be used",
                metadata: ["cause": "\(cause)", "error": "\(error)"])
        }
    }

    private func remind() {
        for (name, summary) in contexts.certificates {
            guard let warning = summary.warning(at: Int64(time(nil))) else { continue }
            logger.warning(
                "a certificate needs attention", metadata: ["certificate": "\(name)", "reason": "it \(warning)"])
        }
    }
}

extension Configuration {
    /// All files that the `tls` keys name.
    var filesOfTLS: [String] {
        var files: [String] = []
        for settings in [tls].compactMap({ $0 }) + trunks.compactMap({ clientTLS(of: $0) }) {
            files += [settings.certificate, settings.key].compactMap { $0 }
            if case .file(let path) = settings.authorities { files.append(path) }
        }
        return Set(files).sorted()
    }
}
